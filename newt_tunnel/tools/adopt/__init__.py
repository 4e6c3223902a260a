"""Reads the compose file of a plain newt and prints the stack file that takes its place.

Pure except for reading files. ``settings`` decides what is valid in a stack file. What cannot be
taken over is reported with the reason, and never guessed. newt's secret is read, and passed only to
Pulumi's own command.
"""

from __future__ import annotations


class AdoptError(Exception):
    """Names the file or the key, and what to do. Never carries a value that may be a secret."""
