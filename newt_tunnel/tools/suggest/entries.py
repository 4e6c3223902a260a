"""Refused targets as lines to paste below ``newt-tunnel:egress``.

All of it is YAML, because all the rest are comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import yaml

from newt_tunnel.egress.model import Pods, Protocol
from newt_tunnel.tools.suggest.assessment import Advice, RefusedTarget
from newt_tunnel.tools.suggest.naming import Names

_ITEM = "    - "
_LONGEST_LINE = 10_000
_HOURS_FROM, _MINUTES_FROM = 7200, 120


def lines(refused: Iterable[RefusedTarget], names: Names) -> Iterator[str]:
    """Yield entries to paste, then entries that are commented out, then what is only listed."""
    found = [*refused]
    offered = [one for one in found if one.advice is Advice.OFFERED]
    doubted = [one for one in found if one.advice is Advice.DOUBTED]
    listed = [one for one in found if one.advice in (Advice.NEVER, Advice.ALLOWED)]
    if offered:
        yield "# Below newt-tunnel:egress, those that you know newt needs:"
    for one in offered:
        yield f"{_ITEM}{_entry(one, names)} # {_often(one)}"
    if doubted:
        yield "# Read the reason before you take one of these in:"
    for one in doubted:
        yield f"#   - {_entry(one, names)} # {_often(one)}; {one.reason}"
    if listed:
        yield "# Not offered:"
    for one in listed:
        yield f"#   {_target(one)}: {one.reason} ({_often(one)})"


def _entry(target: RefusedTarget, names: Names) -> str:
    entry: dict[str, object] = {"name": names.name(target)}
    destination = target.destination
    if isinstance(destination, Pods):
        entry["namespace"] = destination.namespace
        if destination.labels:
            entry["labels"] = dict(destination.labels)
    else:
        entry["host"] = names.place(target)
    entry["port"] = target.ports[0] if len(target.ports) == 1 else [*target.ports]
    if target.protocol is not Protocol.TCP:
        entry["protocol"] = target.protocol.value.upper()
    return yaml.safe_dump(
        entry, default_flow_style=True, sort_keys=False, width=_LONGEST_LINE
    ).rstrip()


def _target(target: RefusedTarget) -> str:
    ports = ",".join(map(str, target.ports))
    return f"{target.destination} {ports}/{target.protocol.value}"


def _often(target: RefusedTarget) -> str:
    packets = f"{target.packets} packet{'' if target.packets == 1 else 's'}"
    return f"{'at least ' if target.at_least else ''}{packets}, the last {ago(target.ago)} ago"


def ago(seconds: int) -> str:
    """Return a duration in the largest unit that fits."""
    if seconds < _MINUTES_FROM:
        return f"{seconds} s"
    if seconds < _HOURS_FROM:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"
