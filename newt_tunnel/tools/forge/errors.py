"""What ends a run, in a sentence for whoever reads the job's log."""

from __future__ import annotations


class ForgeError(Exception):
    """Something that whoever set up the workflow has to mend. Never carries a secret."""
