"""The reach as a Mermaid picture: newt, its targets, and the ports between."""

from __future__ import annotations

from collections.abc import Iterator, Set

from newt_tunnel.stackfile.reach_entries import ReachEntry
from newt_tunnel.stackfile.untrusted_text import mermaid

#: With more targets a picture is unreadable.
_MOST = 40


def picture(stack: str, reach: tuple[ReachEntry, ...], new: Set[ReachEntry]) -> Iterator[str]:
    """Return the lines of a flow chart; ``new`` targets are drawn bold, and never left out."""
    yield "flowchart LR"
    yield f'  newt(["newt of {mermaid(stack)}"])'
    shown = sorted(sorted(reach, key=lambda one: one not in new)[:_MOST], key=lambda o: o.sort_key)
    bold = []
    for number, one in enumerate(shown):
        if one in new:
            bold.append(f"t{number}")
        ports = mermaid(", ".join(one.ports_texts))
        label = f"{mermaid(one.name)}<br/>{mermaid(one.where)}"
        yield f'  newt -->|"{ports}"| t{number}["{label}"]'
    if len(reach) > len(shown):
        yield f'  newt --> more["and {len(reach) - len(shown)} more"]'
    if bold:
        yield "  classDef new stroke-width:4px"
        yield f"  class {','.join(bold)} new"
