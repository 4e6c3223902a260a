"""The jobs of the workflows: the review of a pull request, its preview, and the search for drift.

The same program for GitHub, Gitea and Forgejo; the workflow files only check out, install and call
it, so that everything with a decision in it can be tested. Owns what is posted and where.
``review`` interprets a change, and the program itself deploys.
"""

from __future__ import annotations


class ForgeError(Exception):
    """Ends a job. The text is what to correct in the workflow's set-up, and never contains a
    secret.
    """
