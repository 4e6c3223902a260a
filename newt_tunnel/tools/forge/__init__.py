"""What the workflows run: the review of a pull request, its preview, and the look for drift.

The same program for GitHub, Gitea and Forgejo; the workflow files only check out, install and call
it, so that everything with a decision in it can be tested. Owns what is posted and where. Leaves
out what a change means (``review``) and what a deployment does (the program itself).
"""

from __future__ import annotations


class ForgeError(Exception):
    """Ends a job with what to correct in the workflow's set-up. Never carries a secret."""
