"""Wording that findings of every room share."""

from __future__ import annotations

from collections.abc import Iterable

#: Enough to recognise what was meant.
_SHOWN = 6


def listed(items: Iterable[object]) -> str:
    """The first few of ``items``, each once."""
    texts = list(dict.fromkeys(str(item) for item in items))
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def kubectl(context: str | None) -> str:
    """How a command to copy begins; without a context it uses the current one."""
    return f"kubectl --context {context}" if context else "kubectl"
