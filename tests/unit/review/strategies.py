"""Pairs of policies, the second grown out of the first, and packets at the edges of both.

Drawn from small pools, so that rules overlap, cover each other in parts, and packets hit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from hypothesis import strategies as st

from newt_tunnel.egress.decide_connection import Connection, PeerPod
from newt_tunnel.egress.decide_packet import Direction, Packet
from newt_tunnel.egress.model import Address, Labels, Pods, PortRange, Protocol
from newt_tunnel.egress.rules import Rule
from tests.unit.egress.cases import CAGE, rule
from tests.unit.egress.strategies import blocks, mostly, services

_PROTOCOLS = ("tcp", "udp", "sctp", "icmp", "47")
_LABELS: tuple[Labels, ...] = (
    (),
    (("app", "a"),),
    (("app", "b"),),
    (("tier", "x"),),
    (("app", "a"), ("tier", "x")),
    (("app", "a"), ("tier", "y")),
    (("app", "a"), ("tier", "x"), ("zone", "1")),
)
_NAMESPACES = ("one", "two")
_PORT_LISTS = ("1", "80", "443", "65535", "79-81", "80,443", "1-65535", "1-79", "81-65535")


@dataclass(frozen=True)
class Pair:
    before: tuple[Rule, ...]
    after: tuple[Rule, ...]

    @property
    def all(self) -> tuple[Rule, ...]:
        return (*self.before, *self.after)


@st.composite
def pairs(draw: st.DrawFn, one: Callable[[str], st.SearchStrategy[Rule]]) -> Pair:
    """Some rules stay, some under another name, or with other ports; some go, some come."""
    before = [draw(one(f"entry-{n}")) for n in range(draw(st.integers(0, 4)))]
    after = []
    for entry in before:
        other = draw(one(entry.name))
        after += draw(
            st.sampled_from(
                (
                    [entry],
                    [replace(entry, name=f"new-{entry.name}")],
                    [replace(entry, protocol=other.protocol, ports=other.ports)],
                    [replace(entry, destination=other.destination)],
                    [other],
                    [],
                )
            )
        )
    after += [draw(one(f"added-{n}")) for n in range(draw(st.integers(0, 2)))]
    return Pair(tuple(before), tuple(draw(st.permutations(after))))


def on_docker(name: str) -> st.SearchStrategy[Rule]:
    """To a block or an address."""
    return st.builds(lambda where, what: rule(name, where, what, "egress[0]"), blocks, services)


def named(name: str) -> st.SearchStrategy[Rule]:
    """The same, and to host names."""
    where = blocks | st.sampled_from(("gitea.lan", "many.lan", "silent.lan"))
    return st.builds(lambda where, what: rule(name, where, what, "egress[0]"), where, services)


def in_cluster(name: str) -> st.SearchStrategy[Rule]:
    """To pods or addresses of both families, always with ports."""
    namespaces = mostly(st.just(_NAMESPACES[0]), st.just(_NAMESPACES[1]))
    pods = st.builds(Pods, namespaces, st.sampled_from(_LABELS))
    addresses = st.sampled_from(
        (IPv4Network("10.0.1.0/24"), IPv4Network("10.0.1.50"), IPv6Network("fd00::/64"))
    )
    return st.builds(
        lambda place, ports, protocol: Rule(
            name=name, destination=place, protocol=protocol, ports=ports, origin="egress[0]"
        ),
        mostly(pods, addresses),
        st.sampled_from(_PORT_LISTS).map(_ports),
        st.sampled_from((Protocol.TCP, Protocol.UDP)),
    )


def _ports(text: str) -> tuple[PortRange, ...]:
    spans = (part.partition("-") for part in text.split(","))
    return tuple(PortRange(int(first), int(last or first)) for first, _, last in spans)


@st.composite
def packets(
    draw: st.DrawFn, rules: tuple[Rule, ...], answers: tuple[IPv4Address, ...] = ()
) -> Packet:
    """One of newt's, at the edges of one of the rules, or of two."""
    to, at = draw(_two_of(rules)) if rules else (None, None)
    edges = {0, *map(int, answers)}
    if to is not None and isinstance(to.destination, IPv4Network):
        edges = {int(to.destination[0]), int(to.destination[-1])}
    usual = at.protocol.value if at is not None and at.ports else "tcp"
    return Packet(
        direction=Direction.FROM_NEWT,
        source=CAGE.newt,
        destination=IPv4Address(draw(_near(edges, 0xFFFFFFFF))),
        protocol=draw(mostly(st.just(usual), st.sampled_from(_PROTOCOLS))),
        port=draw(mostly(_near(_edges(at), 0xFFFF), st.none())),
    )


@st.composite
def connections(draw: st.DrawFn, rules: tuple[Rule, ...]) -> Connection:
    """The same; to a pod, or to something outside the cluster, which then has no labels."""
    to, at = draw(_two_of(rules)) if rules else (None, None)
    place = None if to is None else to.destination
    peer = None
    if isinstance(place, Pods):
        more = dict(draw(st.sampled_from(_LABELS))) | dict(place.labels)
        namespace = draw(mostly(st.just(place.namespace), st.sampled_from(_NAMESPACES)))
        peer = PeerPod(namespace=namespace, labels=tuple(sorted(more.items())))
    edges: list[Address] = [IPv4Address("10.0.1.50")]
    if isinstance(place, IPv4Network | IPv6Network):
        edges = [place[0], place[-1], IPv4Address("10.0.2.0"), IPv4Address("10.0.1.49")]
    return Connection(
        destination=draw(st.sampled_from(edges)),
        protocol="tcp" if at is None else at.protocol.value,
        port=draw(_near(_edges(at), 0xFFFF)),
        peer=peer,
    )


def _two_of(rules: tuple[Rule, ...]) -> st.SearchStrategy[tuple[Rule, Rule]]:
    """Mostly the same one: its place, its ports."""
    one = st.sampled_from(rules)
    return mostly(one.map(lambda found: (found, found)), st.tuples(one, one))


def _edges(rule: Rule | None) -> set[int]:
    return {edge for span in rule.ports for edge in (span.first, span.last)} if rule else set()


def _near(edges: set[int], highest: int) -> st.SearchStrategy[int]:
    beside = {edge + step for edge in edges or {80} for step in (-1, 0, 1)}
    return st.sampled_from(sorted(n for n in beside if 0 <= n <= highest))
