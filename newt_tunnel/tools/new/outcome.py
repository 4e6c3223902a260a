"""What a look and its questions lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from newt_tunnel.tools.new.pulumi_stack import Store

_WIDTH = 10


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """``tree`` is the stack file, ``left_out`` the entries that were offered and not taken.
    ``store`` stores newt's secret, None for later. ``before_up`` are commands that come before
    ``pulumi up``, each with its reason.
    """

    tree: Mapping[str, object]
    where: str
    left_out: tuple[Mapping[str, object], ...] = ()
    store: Store | None = None
    before_up: tuple[tuple[str, str], ...] = ()


def fact(name: str, text: str) -> str:
    """Return a line about something that was found."""
    return f"  {name:<{_WIDTH}} {text}"
