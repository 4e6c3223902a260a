"""Random policies, and random packets that aim at what such a policy gets wrong.

Everything is drawn from small pools, so that rules overlap and packets hit: a policy's own
addresses and ports, their neighbours, and little else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from egress.decide import Direction, Packet, Tracking
from egress.model import EVERYWHERE, Destination, HostName, Policy, PortRange, Protocol, Rule
from tests.unit.egress.cases import CAGE

T = TypeVar("T")

#: Bounded, so that the tests stay fast. A failure prints its example and how to repeat it.
bounded = settings(max_examples=150, deadline=None, database=None, print_blob=True)

HOST_NAMES = (HostName("gitea.lan"), HostName("many.lan"), HostName("silent.lan"))
#: One answer, several (one of them also written as an address), none.
RESOLUTION: Mapping[HostName, tuple[IPv4Address, ...]] = {
    HOST_NAMES[0]: (IPv4Address("10.0.1.50"),),
    HOST_NAMES[1]: (IPv4Address("10.0.1.51"), IPv4Address("10.0.1.200")),
    HOST_NAMES[2]: (),
}
_BLOCKS = (
    *("10.0.1.50/32", "10.0.1.51/32", "10.0.1.48/30", "10.0.1.0/24", "10.0.0.0/8"),
    *("203.0.113.10/32", "203.0.113.0/31", "255.255.255.255/32", "128.0.0.0/1"),
    *(f"{CAGE.host}/32", f"{CAGE.gateway}/32"),
)
_PORTS = (1, 2, 52, 53, 54, 443, 3000, 8000, 8001, 8010, 65534, 65535)
_STRANGERS = (
    *("172.30.0.9", "172.30.0.11", "172.30.0.99", "10.0.1.50", "203.0.113.10", "0.0.0.0"),
    *("255.255.255.255", "127.0.0.1", "169.254.169.254", "9.9.9.9", str(CAGE.newt)),
)
_WITH_PORTS = ("tcp", "udp", "sctp")
_PROTOCOLS = (*_WITH_PORTS, "icmp", "gre", "253")
_IPV6 = (IPv6Address("fe80::1"), IPv6Address("2001:db8::10"), IPv6Address("::ffff:10.0.1.50"))

_strangers = st.sampled_from(_STRANGERS).map(IPv4Address)
blocks: st.SearchStrategy[Destination] = st.sampled_from([EVERYWHERE, *map(IPv4Network, _BLOCKS)])
destinations = blocks | st.sampled_from(HOST_NAMES)
port_ranges = st.lists(st.sampled_from(_PORTS), min_size=1, max_size=2).map(
    lambda ports: PortRange(min(ports), max(ports))
)
transports = st.sampled_from([Protocol.TCP, Protocol.UDP])


@st.composite
def rules(
    draw: st.DrawFn, name: str, origin: str, where: st.SearchStrategy[Destination] = destinations
) -> Rule:
    protocol = draw(mostly(transports, st.just(Protocol.ANY)))
    ports = st.lists(port_ranges, min_size=1, max_size=3).map(tuple)
    return Rule(
        name=name,
        destination=draw(where),
        protocol=protocol,
        ports=() if protocol is Protocol.ANY else draw(ports),
        origin=origin,
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A policy of up to six entries, each with a name of its own; nothing is forbidden."""
    count = draw(st.sampled_from(range(7)))
    return policy_of(*(draw(rules(f"entry-{n}", f"egress[{n}]")) for n in range(count)))


def policy_of(*allowed: Rule) -> Policy:
    return Policy(allowed=allowed, forbidden=(), resolvers=(), endpoint=None)


def mostly(usual: st.SearchStrategy[T], otherwise: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    return st.sampled_from((usual, usual, usual, otherwise)).flatmap(lambda chosen: chosen)


@dataclass(frozen=True)
class Situation:
    """A policy and a packet that is likely to matter to it."""

    policy: Policy
    packet: Packet


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    policy = draw(policies())
    aims = [_aimed_at(rule) for rule in policy.allowed]
    ipv4 = mostly(st.one_of(aims), _aimless()) if aims else _aimless()
    return Situation(policy, draw(mostly(ipv4, ipv4 | _ipv6())))


@st.composite
def _aimed_at(draw: st.DrawFn, rule: Rule) -> Packet:
    """A packet of newt's to the destination of ``rule`` or right beside it; seldom another."""
    usual = st.just("tcp" if rule.protocol is Protocol.ANY else rule.protocol.value)
    protocol = draw(mostly(usual, st.sampled_from(_PROTOCOLS)))
    return Packet(
        direction=draw(mostly(st.just(Direction.FROM_NEWT), st.just(Direction.TO_NEWT))),
        source=draw(mostly(st.just(CAGE.newt), _strangers)),
        destination=IPv4Address(draw(_near(_addresses(rule.destination), 0xFFFFFFFF))),
        protocol=protocol,
        port=draw(_near(_edges(rule), 0xFFFF)) if protocol in _WITH_PORTS else None,
        tracking=draw(mostly(st.just(Tracking.ORIGINAL), st.sampled_from(Tracking))),
    )


@st.composite
def _aimless(draw: st.DrawFn) -> Packet:
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
    """The edges of something and their neighbours on both sides."""
    near = {edge + step for edge in edges for step in (0, -1, 1)}
    return st.sampled_from(sorted(n for n in near if 0 <= n <= highest))


def _addresses(destination: Destination) -> Iterable[int]:
    if isinstance(destination, IPv4Network):
        return int(destination.network_address), int(destination.broadcast_address)
    return [int(answer) for answer in RESOLUTION[destination] or (IPv4Address("10.0.1.77"),)]


def _edges(rule: Rule) -> Iterable[int]:
    return [port for ports in rule.ports for port in (ports.first, ports.last)] or _PORTS
