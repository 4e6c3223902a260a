"""What keeps a compose file from being read, in a sentence."""

from __future__ import annotations


class AdoptError(Exception):
    """Names the file or the key, and what to do. Never carries a value that may be a secret."""
