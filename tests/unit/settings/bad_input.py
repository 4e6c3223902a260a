"""How a wrong stack file is written down, with what is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.unit.settings.example import ABSENT

#: What is written, the line's key, the line's value or None where it is not repeated, its remedy.
Case = tuple[dict[str, Any], str, str | None, str]

HOST = {"name": "web", "host": "10.0.1.77", "port": 80}
BLOCK = {"name": "web", "cidr": "10.0.7.0/24", "port": 80}
IN_CONTAINER = {"name": "web", "container": "gitea", "port": 3000}
PODS = {"name": "web", "namespace": "web", "labels": {"app": "web"}, "port": 8080}
SERVICE = {"name": "web", "service": "web/web", "port": 80}
_AS_WRITTEN = "as it is written"


def entry(usual: Mapping[str, Any] = HOST, **keys: Any) -> dict[str, Any]:
    """An entry that would be valid, changed."""
    return {key: value for key, value in {**usual, **keys}.items() if value is not ABSENT}


def egress(usual: Mapping[str, Any] = HOST, **keys: Any) -> dict[str, Any]:
    return {"egress": [entry(usual, **keys)]}


def at(key: str, written: Any, remedy: str, *, shown: str | None = _AS_WRITTEN) -> Case:
    """A wrong value of one key."""
    return {key: written}, key, _shown(written) if shown is _AS_WRITTEN else shown, remedy


def of(
    usual: Mapping[str, Any],
    key: str,
    written: Any,
    remedy: str,
    *,
    shown: str | None = _AS_WRITTEN,
) -> Case:
    """A wrong value of one key of an entry."""
    _, _, value, _ = at(key, written, remedy, shown=shown)
    return egress(usual, **{key: written}), f"egress[0].{key}", value, remedy


def _shown(written: Any) -> str:
    if written is ABSENT:
        return "(missing)"
    if isinstance(written, list):
        return f"[{', '.join(map(_shown, written))}]"
    return str(written).lower() if isinstance(written, bool) else str(written)
