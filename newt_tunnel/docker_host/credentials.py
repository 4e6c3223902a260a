"""Whether newt's credentials on the Docker host will change.

A preview must know it, to announce that the container is replaced, or not.

The host makes the revision (``newt-egress credentials``), because a hash without its salt would
reveal the secret. This module only repeats the host's comparison.
"""

from __future__ import annotations

import hashlib


def kept_revision(stored: str, document: str, *, own_file: bool) -> str | None:
    """The revision that stays when ``document`` is stored again; None when there will be another.

    ``stored`` is what ``newt-egress check`` says: revision, salted hash of what was stored, and
    ``file`` where the host's own file is there. Without ``own_file`` they are in newt's volume.
    """
    words = stored.split()
    if len(words) != 3:
        return None
    revision, salted, place = words
    if own_file and place != "file":
        return None
    same = hashlib.sha256(f"{revision}\n{document}".encode()).hexdigest() == salted
    return revision if same else None
