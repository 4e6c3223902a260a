"""Compares a blueprint with the cage: what is exposed and not allowed, allowed and not exposed.

Sets decide (``stackfile.reach_sets``), not text: a port in a range, an address in a block. Nothing
is looked up, so a host name differs from any address, and a Service may be any pods of its
namespace, which the line then reports as unknown. ``command`` reads both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, summarize_address_range

from newt_tunnel.egress.model import Pods, PortName, PortRange, destination_text
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.servers import NODES_KEY, PORTS_KEY
from newt_tunnel.settings.targets import AnyEntry
from newt_tunnel.stackfile.reach_entries import ReachEntry, place_text
from newt_tunnel.stackfile.reach_sets import (
    Addresses,
    Box,
    Cover,
    Opaque,
    Place,
    SomePods,
    boxes,
    difference,
)

#: What newt needs for itself, whatever is exposed.
_NEWTS_OWN = ("dns", PORTS_KEY, NODES_KEY)


@dataclass(frozen=True)
class Line:
    """``key`` is a path in the blueprint, or a key of the stack file with the entry's name."""

    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.key}: {self.what}"


@dataclass(frozen=True)
class Comparison:
    """The differences, in the order of their files. ``unsure`` needs a look into the cluster."""

    not_allowed: tuple[Line, ...] = ()
    not_exposed: tuple[Line, ...] = ()
    unsure: tuple[Line, ...] = ()


def compare(exposed: Sequence[AnyEntry], allowed: Sequence[ReachEntry]) -> Comparison:
    """``exposed`` is everything that the blueprint derives, ``allowed`` all that newt may reach."""
    not_allowed, not_exposed, unsure = [], [], []
    reported: set[str] = set()
    covering = Cover(box for reach in allowed for box in reach.region)
    for entry in exposed:
        for text in _texts(difference(_region(entry), covering), place=entry.meaning):
            maybe = next((one for one in allowed if _may_be(one, entry)), None)
            if maybe is None:
                not_allowed.append(Line(entry.key(""), text))
            else:
                unsure.append(Line(entry.key(""), f"{text} may be {_named(maybe)}"))
                reported.add(_key(maybe))
    dialled = Cover(box for entry in exposed for box in _region(entry))
    for reach in allowed:
        if reach.origin in _NEWTS_OWN or _key(reach) in reported:
            continue
        for text in _texts(difference(reach.region, dialled), place=reach.place):
            one = next((entry for entry in exposed if _may_be(reach, entry)), None)
            if one is None:
                not_exposed.append(Line(_key(reach), text))
            else:
                unsure.append(Line(_key(reach), f"{text} may be {one.key('')}"))
    return Comparison(*map(tuple, (not_allowed, not_exposed, unsure)))


def _region(entry: AnyEntry) -> tuple[Box, ...]:
    names = map(PortName, entry.port_names)
    return tuple(boxes(entry.meaning, entry.protocol, entry.ranges, names))


def _may_be(reach: ReachEntry, entry: AnyEntry) -> bool:
    """Whether only the cluster knows if ``reach`` is the Service that ``entry`` means."""
    service = entry.meaning
    if not isinstance(service, ServiceRef) or all(
        ports.protocol is not entry.protocol for ports in reach.ports
    ):
        return False
    if isinstance(reach.place, Pods):
        return reach.place.namespace == service.namespace
    return reach.place == service and any(ports.names for ports in reach.ports)


def _key(reach: ReachEntry) -> str:
    return f"{reach.origin} {reach.name}"


def _named(reach: ReachEntry) -> str:
    return f"{_key(reach)} ({place_text(reach.place)} {', '.join(reach.ports_texts)})"


def _texts(region: Iterable[Box], *, place: Place) -> Iterator[str]:
    for box in region:
        # A named port is a line of its own, `tcp http`.
        protocol, _, name = box.line.partition(" ")
        ports = name or str(PortRange(max(box.first, 1), box.last))
        for where in _places(box, place):
            yield f"{where} {ports}/{protocol}"


def _places(box: Box, place: Place) -> Iterator[str]:
    match box.extent:
        case Addresses(first=first, last=last):
            # A small IPv6 address as a number alone would be read as IPv4.
            kind = type(ip_address("0.0.0.0" if box.extent.version == 4 else "::"))
            for block in summarize_address_range(kind(first), kind(last)):
                yield destination_text(block)
        case Opaque() | SomePods():
            yield place_text(place)
