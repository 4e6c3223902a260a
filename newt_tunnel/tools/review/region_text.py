"""A region as text, in the fewest blocks, labels and ports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, summarize_address_range

from newt_tunnel.egress.model import Network, destination_text, labels_text
from newt_tunnel.stackfile.reach_sets import OTHER, Addresses, Extent, Region, SomePods


@dataclass(frozen=True)
class RegionText:
    """Places that have the same ports."""

    where: tuple[str, ...]
    ports: tuple[str, ...]


def describe_region(region: Region) -> tuple[RegionText, ...]:
    """Return texts in a fixed order, independent of the order of the boxes."""
    by_extent: dict[Extent, dict[str, list[tuple[int, int]]]] = {}
    for box in region:
        by_extent.setdefault(box.extent, {}).setdefault(box.line, []).append((box.first, box.last))
    by_ports: dict[tuple[str, ...], list[Extent]] = {}
    for extent, lines in by_extent.items():
        ports = tuple(text for line, spans in sorted(lines.items()) for text in _ports(line, spans))
        by_ports.setdefault(ports, []).append(extent)
    found = (
        RegionText(tuple(sorted(_where(extents))), ports) for ports, extents in by_ports.items()
    )
    return tuple(sorted(found, key=lambda piece: (piece.where, piece.ports)))


def _ports(line: str, spans: list[tuple[int, int]]) -> Iterator[str]:
    transport, _, name = line.partition(" ")
    if line == OTHER:
        yield "every other protocol"
    elif name:
        yield f"{name}/{transport}"
    else:
        for first, last in _joined(spans):
            yield f"{first}/{transport}" if first == last else f"{first}-{last}/{transport}"


def _where(extents: list[Extent]) -> Iterator[str]:
    spans: dict[int, list[tuple[int, int]]] = {}
    for extent in extents:
        if isinstance(extent, Addresses):
            spans.setdefault(extent.version, []).append((extent.first, extent.last))
        elif isinstance(extent, SomePods):
            yield _pods(extent)
        else:
            yield extent.text
    for version, found in spans.items():
        for first, last in _joined(found):
            yield from map(destination_text, _blocks(version, first, last))


def _blocks(version: int, first: int, last: int) -> Iterator[Network]:
    if version == 4:
        yield from summarize_address_range(IPv4Address(first), IPv4Address(last))
    else:
        yield from summarize_address_range(IPv6Address(first), IPv6Address(last))


def _pods(pods: SomePods) -> str:
    labels = labels_text(tuple(sorted(pods.labels))) or "*"
    # Labels that are selected already need not be repeated for excluded sets.
    without = sorted(labels_text(tuple(sorted(gone - pods.labels))) for gone in pods.without)
    return f"pods {pods.namespace}/{labels}" + "".join(f" without {gone}" for gone in without)


def _joined(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join neighbours and overlaps."""
    ordered = sorted(spans)
    first, last = ordered[0]
    for low, high in ordered[1:]:
        if low > last + 1:
            yield first, last
            first = low
            last = high
        last = max(last, high)
    yield first, last
