"""Judged attempts as lines to paste below ``newt-tunnel:egress``.

All of it is YAML, because all the rest are comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import yaml

from newt_tunnel.egress.model import Pods, Protocol
from newt_tunnel.tools.suggest.judging import Advice, Judged
from newt_tunnel.tools.suggest.naming import Names

_ITEM = "    - "
_LONGEST_LINE = 10_000
_HOURS_FROM, _MINUTES_FROM = 7200, 120


def lines(judged: Iterable[Judged], names: Names) -> Iterator[str]:
    """What may be pasted, then what is commented out, then what is only told."""
    found = [*judged]
    offered = [one for one in found if one.advice is Advice.OFFERED]
    doubted = [one for one in found if one.advice is Advice.DOUBTED]
    told = [one for one in found if one.advice in (Advice.NEVER, Advice.ALLOWED)]
    if offered:
        yield "# Below newt-tunnel:egress, those that you know newt needs:"
    for one in offered:
        yield f"{_ITEM}{_entry(one, names)} # {_often(one)}"
    if doubted:
        yield "# Read the reason before you take one of these in:"
    for one in doubted:
        yield f"#   - {_entry(one, names)} # {_often(one)}; {one.reason}"
    if told:
        yield "# Not offered:"
    for one in told:
        yield f"#   {_target(one)}: {one.reason} ({_often(one)})"


def _entry(judged: Judged, names: Names) -> str:
    entry: dict[str, object] = {"name": names.name(judged)}
    destination = judged.destination
    if isinstance(destination, Pods):
        entry["namespace"] = destination.namespace
        if destination.labels:
            entry["labels"] = dict(destination.labels)
    else:
        entry["host"] = names.place(judged)
    entry["port"] = judged.ports[0] if len(judged.ports) == 1 else [*judged.ports]
    if judged.protocol is not Protocol.TCP:
        entry["protocol"] = judged.protocol.value.upper()
    return yaml.safe_dump(
        entry, default_flow_style=True, sort_keys=False, width=_LONGEST_LINE
    ).rstrip()


def _target(judged: Judged) -> str:
    ports = ",".join(map(str, judged.ports))
    return f"{judged.destination} {ports}/{judged.protocol.value}"


def _often(judged: Judged) -> str:
    packets = f"{judged.packets} packet{'' if judged.packets == 1 else 's'}"
    return f"{'at least ' if judged.at_least else ''}{packets}, the last {ago(judged.ago)} ago"


def ago(seconds: int) -> str:
    """As much of it as somebody wants to know."""
    if seconds < _MINUTES_FROM:
        return f"{seconds} s"
    if seconds < _HOURS_FROM:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"
