"""The newt that runs already, and whose site the new stack may take over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from newt_tunnel.findings import shown
from newt_tunnel.tools.new import NewError
from newt_tunnel.tools.new.questions import Terminal

_FLAG, _NONE = "--old-newt", "none"
#: The reason for the command that removes it.
WHY_REMOVED = "the old newt: two with one id push each other out of Pangolin"

_Newt = TypeVar("_Newt")


def chosen(newts: Mapping[str, _Newt], wanted: str | None, terminal: Terminal) -> _Newt | None:
    """Return the newt to replace, by its name. A single one is asked about.

    Raises ``NewError`` where several run and none is named.
    """
    if wanted == _NONE or (wanted is None and not newts):
        return None
    names = ", ".join(map(shown, newts))
    if wanted is not None:
        if wanted not in newts:
            raise NewError(
                f"{_FLAG}: {shown(wanted)} is no newt there; there are: {names or _NONE}"
            )
        return newts[wanted]
    if len(newts) > 1:
        raise NewError(f"{_FLAG}: several newts run ({names}); name one of them, or write {_NONE}")
    (name,) = newts
    question = f"Does the stack take over the site of {name}, which is removed before pulumi up?"
    return newts[name] if terminal.confirmed(question, _FLAG) else None
