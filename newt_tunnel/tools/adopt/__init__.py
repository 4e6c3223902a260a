"""Reads the compose file of a plain newt and prints the stack file that takes its place.

Pure but for the files it reads. What is valid in a stack file is ``settings``' to say; what cannot
be taken over is said, with the reason, and never guessed. newt's secret is read, and goes nowhere
but into Pulumi's own command.
"""

from __future__ import annotations


class AdoptError(Exception):
    """Names the file or the key, and what to do. Never carries a value that may be a secret."""
