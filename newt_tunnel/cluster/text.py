"""Wording that the findings of every room share."""

from __future__ import annotations

from collections.abc import Iterable

#: Enough to recognise the targets.
_SHOWN = 6


def listed(items: Iterable[object]) -> str:
    """Return the first few of ``items``, each once."""
    texts = list(dict.fromkeys(str(item) for item in items))
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def kubectl(context: str | None) -> str:
    """Return the beginning of a command to copy; without a context it uses the current one."""
    return f"kubectl --context {context}" if context else "kubectl"
