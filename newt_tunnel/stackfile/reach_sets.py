"""Sets of what can be reached, and their difference: arithmetic on addresses, labels and ports.

A region is a list of boxes; a box is an extent (addresses, a name, a Service, pods) times a span of
ports of one transport. Exact, also where boxes overlap: property tests compare it with the verdicts
of ``egress.decide_packet`` and ``egress.decide_connection``. Independent of names and revisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from newt_tunnel.egress.model import (
    Container,
    HostName,
    Network,
    Pods,
    PortName,
    PortRange,
    Protocol,
)
from newt_tunnel.settings.cluster_types import ServiceRef

#: The target of a rule before any look-up.
Place = Network | HostName | Pods | ServiceRef | Container

#: A line of ports: a transport, or a transport and the name of a port. Everything that is neither
#: TCP nor UDP, or has no port, is ``OTHER``: only a rule for everything allows it.
TCP, UDP, OTHER = "tcp", "udp", "other"
_HIGHEST_PORT = 65535
#: The span of a line that has no numbers.
_POINT = (0, 0)


@dataclass(frozen=True, order=True)
class Addresses:
    """Addresses ``first`` to ``last`` of one family, as numbers, both included."""

    version: int
    first: int
    last: int

    def common(self, other: Extent) -> Addresses | None:
        if not isinstance(other, Addresses) or other.version != self.version:
            return None
        first, last = max(self.first, other.first), min(self.last, other.last)
        return replace(self, first=first, last=last) if first <= last else None

    def minus(self, other: Addresses) -> Iterator[Addresses]:
        if self.first < other.first:
            yield replace(self, last=other.first - 1)
        if other.last < self.last:
            yield replace(self, first=other.last + 1)


@dataclass(frozen=True, order=True)
class Opaque:
    """A target that equals only itself: a host name, a Service."""

    text: str

    def common(self, other: Extent) -> Opaque | None:
        return self if other == self else None


@dataclass(frozen=True)
class SomePods:
    """The pods of a namespace that carry all of ``labels``, and all labels of no set in
    ``without``.
    """

    namespace: str
    labels: frozenset[tuple[str, str]]
    without: frozenset[frozenset[tuple[str, str]]] = frozenset()

    def common(self, other: Extent) -> SomePods | None:
        if not isinstance(other, SomePods) or other.namespace != self.namespace:
            return None
        labels = self.labels | other.labels
        without = self.without | other.without
        # A pod has one value per label; and one that has all labels is in each of their subsets.
        if len(dict(labels)) < len(labels) or any(gone <= labels for gone in without):
            return None
        return SomePods(self.namespace, labels, without)

    def minus(self, other: SomePods) -> Iterator[SomePods]:
        """Subtract ``other``, which is as written in an entry, without exceptions."""
        if not other.labels <= self.labels:
            yield replace(self, without=self.without | {other.labels})


Extent = Addresses | Opaque | SomePods


@dataclass(frozen=True)
class Box:
    """``extent``, at ports ``first`` to ``last`` of ``line``, both included."""

    extent: Extent
    line: str
    first: int
    last: int

    def common(self, other: Box) -> Box | None:
        first, last = max(self.first, other.first), min(self.last, other.last)
        if self.line != other.line or first > last:
            return None
        extent = self.extent.common(other.extent)
        return Box(extent, self.line, first, last) if extent else None

    def minus(self, other: Box) -> Iterator[Box]:
        """Return the rest of this box; all of it if the two have nothing in common."""
        common = self.common(other)
        if common is None:
            yield self
            return
        if self.first < common.first:
            yield replace(self, last=common.first - 1)
        if common.last < self.last:
            yield replace(self, first=common.last + 1)
        for extent in _beside(self.extent, other.extent):
            yield Box(extent, self.line, common.first, common.last)


Region = tuple[Box, ...]


def _beside(one: Extent, other: Extent) -> Iterable[Extent]:
    """Return ``one`` without ``other``, with which it has something in common."""
    match one, other:
        case Addresses(), Addresses():
            return one.minus(other)
        case SomePods(), SomePods():
            return one.minus(other)
        case _:
            return ()


class Cover:
    """Boxes to subtract from others, indexed by what they can have in common."""

    def __init__(self, boxes: Iterable[Box]) -> None:
        self._by_place: dict[object, list[Box]] = {}
        self._blocks: list[Box] = []
        self._addresses: list[Box] = []
        for box in boxes:
            if isinstance(box.extent, Addresses):
                self._addresses.append(box)
            if (place := _only_place(box.extent)) is None:
                self._blocks.append(box)
            else:
                self._by_place.setdefault(place, []).append(box)

    def near(self, box: Box) -> Iterable[Box]:
        """Return all boxes that may have something in common with ``box``."""
        place = _only_place(box.extent)
        if place is None:
            return self._addresses
        alone = self._by_place.get(place, [])
        return (*alone, *self._blocks) if isinstance(box.extent, Addresses) else alone


def _only_place(extent: Extent) -> object:
    """Return a key that is equal for all extents that can meet this one, or None for blocks."""
    if isinstance(extent, Addresses):
        return extent if extent.first == extent.last else None
    return extent.namespace if isinstance(extent, SomePods) else extent


def difference(region: Iterable[Box], covering: Cover) -> Region:
    """Return the part of ``region`` that is outside ``covering``."""
    return tuple(piece for box in region for piece in _outside(box, covering.near(box)))


def _outside(box: Box, covering: Iterable[Box]) -> list[Box]:
    left = [box]
    for cover in covering:
        left = [piece for one in left for piece in one.minus(cover)]
    return left


def meet(region: Iterable[Box], other: Region) -> bool:
    """Whether the two have anything in common."""
    return any(box.common(one) for box in region for one in other)


def extent_of(place: Place) -> Extent:
    match place:
        case Pods():
            return SomePods(place.namespace, frozenset(place.labels))
        case ServiceRef():
            return Opaque(f"service {place}")
        case Container():
            return Opaque(str(place))
        case str():
            return Opaque(f"host {place}")
        case _:
            return Addresses(
                place.version, int(place.network_address), int(place.broadcast_address)
            )


def boxes(
    place: Place,
    protocol: Protocol,
    ports: Iterable[PortRange],
    names: Iterable[PortName] = (),
) -> Iterator[Box]:
    """Yield the boxes of one rule. ``Protocol.ANY`` is every line for an address or a name."""
    extent = extent_of(place)
    if protocol is Protocol.ANY:
        for line in (TCP, UDP):
            yield Box(extent, line, 0, _HIGHEST_PORT)
        yield Box(extent, OTHER, *_POINT)
        return
    for span in ports:
        yield Box(extent, protocol.value, span.first, span.last)
    for named in names:
        yield Box(extent, f"{protocol.value} {named.name}", *_POINT)
