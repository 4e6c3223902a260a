"""The stack file as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from newt_tunnel.settings.schema import MODELINE, PROJECT
from newt_tunnel.tools.yaml_lines import flow, lines_of

_PREFIX = f"{PROJECT}:"
#: In the order of the examples.
_ORDER = ("platform", "pangolin", "newtId", "newt", "dns", "egress", "mustNotReach", "docker")
_LISTS = {
    "egress": "The allow-list: the targets that were entered in Pangolin, and nothing else.",
    "mustNotReach": "Renders no rule: the proof tries each of these, in vain.",
}


def render(
    tree: Mapping[str, object], what: str, left_out: Sequence[Mapping[str, object]] = ()
) -> str:
    """Return the whole file. ``what`` ends its first sentence; ``left_out`` are entries that were
    offered and not taken, for later.
    """
    lines = [
        MODELINE,
        f"# newt {what}, by `python -m newt_tunnel new`.",
        "# All options, with their defaults, are in docs/configuration.md.",
        "config:",
    ]
    for key in (*_ORDER, *sorted(tree.keys() - {*_ORDER})):
        if key in _LISTS:
            lines += _entries(key, tree.get(key) or [], left_out if key == "egress" else ())
        elif key in tree:
            lines += lines_of(f"{_PREFIX}{key}", tree[key], 1)
    return "\n".join(lines) + "\n"


def _entries(key: str, entries: object, left_out: Sequence[Mapping[str, object]]) -> Iterator[str]:
    assert isinstance(entries, list), "the settings accept no other"
    if not entries and key == "mustNotReach":
        return
    yield f"  # {_LISTS[key]}"
    yield f"  {_PREFIX}{key}:" + ("" if entries else " []")
    yield from (f"    - {flow(entry)}" for entry in entries)
    if left_out:
        yield "    # Found there, and not allowed:"
        yield from (f"    # - {flow(entry)}" for entry in left_out)
