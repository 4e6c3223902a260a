"""Random policies, and random packets that aim at what such a policy gets wrong.

Everything is drawn from small pools, so that rules overlap and packets hit: a policy's own
addresses and ports, their neighbours, and little else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from newt_tunnel.egress.decide_packet import Direction, Packet, Tracking
from newt_tunnel.egress.model import Destination, HostName, Protocol
from newt_tunnel.egress.rules import Policy, Rule
from tests.unit.egress.cases import CAGE, rule

T = TypeVar("T")

#: Bounded, so that the tests stay fast. A failure prints its example and how to repeat it.
bounded = settings(max_examples=150, deadline=None, database=None, print_blob=True)
briefly = settings(bounded, max_examples=50)

#: One answer, several (one of them also written as an address), none.
RESOLUTION: Mapping[HostName, tuple[IPv4Address, ...]] = {
    HostName("gitea.lan"): (IPv4Address("10.0.1.50"),),
    HostName("many.lan"): (IPv4Address("10.0.1.51"), IPv4Address("10.0.1.200")),
    HostName("silent.lan"): (),
}
_BLOCKS = (
    *("0.0.0.0/0", "10.0.1.50/32", "10.0.1.51/32", "10.0.1.48/30", "10.0.1.0/24", "10.0.0.0/8"),
    *("203.0.113.10/32", "203.0.113.0/31", "255.255.255.255/32", "128.0.0.0/1"),
    *(f"{CAGE.host}/32", f"{CAGE.gateway}/32"),
)
_PORTS = (1, 2, 52, 53, 54, 443, 3000, 8000, 8010, 65535)
_PORT_LISTS = (
    *("53", "443", "3000", "1", "65535", "8000-8010", "1-65535", "1-52", "54-65535"),
    *("53,443", "443,8000-8010", "8000-8005,8003-8010", "3000,3000-3001", "52,54"),
)
_SERVICES = tuple(f"{ports}/{transport}" for ports in _PORT_LISTS for transport in ("tcp", "udp"))
_STRANGERS = (
    *("172.30.0.9", "172.30.0.11", "172.30.0.99", "10.0.1.50", "203.0.113.10", "0.0.0.0"),
    *("255.255.255.255", "127.0.0.1", "169.254.169.254", "9.9.9.9", str(CAGE.newt)),
)
_WITH_PORTS = ("tcp", "udp", "sctp")
_PROTOCOLS = (*_WITH_PORTS, "icmp", "gre", "253")
_IPV6 = (IPv6Address("fe80::1"), IPv6Address("2001:db8::10"), IPv6Address("::ffff:10.0.1.50"))


def mostly(usual: st.SearchStrategy[T], otherwise: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    return st.sampled_from((usual, usual, usual, otherwise)).flatmap(lambda chosen: chosen)


_strangers = st.sampled_from(_STRANGERS).map(IPv4Address)
blocks = st.sampled_from(_BLOCKS)
destinations = blocks | st.sampled_from(sorted(RESOLUTION))
services = mostly(st.sampled_from(_SERVICES), st.just("all/any"))


@st.composite
def rules(
    draw: st.DrawFn, name: str, origin: str, where: st.SearchStrategy[str] = destinations
) -> Rule:
    return rule(name, draw(where), draw(services), origin)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A policy of up to six entries, each with a name of its own; nothing is forbidden."""
    count = draw(st.sampled_from(range(7)))
    return policy_of(*(draw(rules(f"entry-{n}", f"egress[{n}]")) for n in range(count)))


def policy_of(*allowed: Rule) -> Policy:
    return Policy(allowed=allowed, forbidden=(), resolvers=(), server_names=())


@dataclass(frozen=True)
class Situation:
    """A policy and packets that are likely to matter to it."""

    policy: Policy
    packets: tuple[Packet, ...]


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    policy = draw(policies())
    aims = [aimed_at(entry) for entry in policy.allowed]
    ipv4 = mostly(st.one_of(aims), aimless()) if aims else aimless()
    packets = st.lists(mostly(ipv4.flatmap(_asked), ipv4 | _ipv6()), min_size=1, max_size=5)
    return Situation(policy, tuple(draw(packets)))


def _asked(packet: Packet) -> st.SearchStrategy[Packet]:
    """A reply belongs to a connection that was opened to its sender."""
    if packet.tracking is not Tracking.REPLY:
        return st.just(packet)
    return st.sampled_from(_PORTS).map(
        lambda port: replace(packet, asked=(packet.source, packet.port and port))
    )


@st.composite
def aimed_at(draw: st.DrawFn, entry: Rule) -> Packet:
    """A packet of newt's to the destination of ``entry`` or right beside it; seldom another."""
    usual = st.just("tcp" if entry.protocol is Protocol.ANY else entry.protocol.value)
    protocol = draw(mostly(usual, st.sampled_from(_PROTOCOLS)))
    return Packet(
        direction=draw(mostly(st.just(Direction.FROM_NEWT), st.just(Direction.TO_NEWT))),
        source=draw(mostly(st.just(CAGE.newt), _strangers)),
        destination=IPv4Address(draw(_near(_addresses(entry.destination), 0xFFFFFFFF))),
        protocol=protocol,
        port=draw(_near(_edges(entry), 0xFFFF)) if protocol in _WITH_PORTS else None,
        tracking=draw(mostly(st.just(Tracking.ORIGINAL), st.sampled_from(Tracking))),
    )


@st.composite
def aimless(draw: st.DrawFn) -> Packet:
    """Any packet in either direction, between newt and somebody or between two others."""
    direction = draw(st.sampled_from(Direction))
    newt, peer = draw(mostly(st.just(CAGE.newt), _strangers)), draw(_strangers)
    protocol = draw(st.sampled_from(_PROTOCOLS))
    return Packet(
        direction=direction,
        source=newt if direction is Direction.FROM_NEWT else peer,
        destination=peer if direction is Direction.FROM_NEWT else newt,
        protocol=protocol,
        port=draw(st.sampled_from(_PORTS)) if protocol in _WITH_PORTS else None,
        tracking=draw(st.sampled_from(Tracking)),
    )


@st.composite
def _ipv6(draw: st.DrawFn) -> Packet:
    return Packet(
        direction=draw(st.sampled_from(Direction)),
        source=draw(st.sampled_from(_IPV6)),
        destination=draw(st.sampled_from(_IPV6)),
        protocol=draw(st.sampled_from(("tcp", "udp", "ipv6-icmp"))),
        port=draw(st.sampled_from(_PORTS)),
        tracking=draw(st.sampled_from(Tracking)),
    )


def _near(edges: Iterable[int], highest: int) -> st.SearchStrategy[int]:
    """The edges of something, and sometimes what lies right beside them."""
    beside = {edge + step for edge in edges for step in (-1, 1)}
    inside = sorted(n for n in beside if 0 <= n <= highest)
    return mostly(st.sampled_from(sorted(edges)), st.sampled_from(inside))


def _addresses(destination: Destination) -> Iterable[int]:
    if isinstance(destination, str):
        return [int(answer) for answer in RESOLUTION[destination] or (IPv4Address("10.0.1.77"),)]
    assert isinstance(destination, IPv4Network), f"nothing of the kind is drawn: {destination}"
    return int(destination.network_address), int(destination.broadcast_address)


def _edges(entry: Rule) -> Iterable[int]:
    return [port for ports in entry.ports for port in (ports.first, ports.last)] or _PORTS
