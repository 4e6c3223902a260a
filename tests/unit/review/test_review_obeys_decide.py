"""What the review calls newly reachable is what the model's own verdict turns over, and no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.egress import decide_connection
from newt_tunnel.egress.decide_connection import Answer, Connection, PeerPod
from newt_tunnel.egress.decide_packet import Packet, decide
from newt_tunnel.egress.rules import Policy, Rule
from newt_tunnel.stackfile.openings import of_rules
from newt_tunnel.stackfile.reach_sets import OTHER, TCP, UDP, Addresses, Box, Opaque, SomePods
from newt_tunnel.tools.review.changes import Change, Kind, changes
from tests.unit.egress.cases import CAGE
from tests.unit.egress.strategies import RESOLUTION, bounded, policy_of
from tests.unit.review.strategies import (
    Pair,
    connections,
    in_cluster,
    named,
    on_docker,
    packets,
    pairs,
)

_GROWN = (Kind.ADDED, Kind.WIDENED)
_ANSWERS = tuple(address for answers in RESOLUTION.values() for address in answers)
Holds = Callable[[Box], bool]


def _changes(pair: Pair) -> Sequence[Change]:
    return changes(of_rules(pair.before), of_rules(pair.after))


def _says(found: Sequence[Change], holds: Holds, *, grown: bool) -> bool:
    return any(holds(box) for one in found if (one.kind in _GROWN) == grown for box in one.region)


def _at_port(box: Box, protocol: str, port: int | None) -> bool:
    if port is None or protocol not in (TCP, UDP):
        return box.line == OTHER
    return box.line == protocol and box.first <= port <= box.last


def _at_address(box: Box, address: IPv4Address | IPv6Address) -> bool:
    extent = box.extent
    return (
        isinstance(extent, Addresses)
        and extent.version == address.version
        and extent.first <= int(address) <= extent.last
    )


def _of_packet(packet: Packet) -> Holds:
    def holds(box: Box) -> bool:
        names = {
            f"host {name}" for name, found in RESOLUTION.items() if packet.destination in found
        }
        is_named = isinstance(box.extent, Opaque) and box.extent.text in names
        return (is_named or _at_address(box, packet.destination)) and _at_port(
            box, packet.protocol, packet.port
        )

    return holds


def _of_connection(connection: Connection) -> Holds:
    def holds(box: Box) -> bool:
        if not _at_port(box, connection.protocol, connection.port):
            return False
        if not isinstance(connection.peer, PeerPod):
            return _at_address(box, connection.destination)
        some, has = box.extent, frozenset(connection.peer.labels)
        return (
            isinstance(some, SomePods)
            and some.namespace == connection.peer.namespace
            and some.labels <= has
            and not any(gone <= has for gone in some.without)
        )

    return holds


def _policy(rules: tuple[Rule, ...]) -> Policy:
    return policy_of(*rules)


@bounded
@given(st.data())
def test_on_docker_the_review_says_newly_reachable_if_and_only_if_the_verdict_flips(
    data: st.DataObject,
) -> None:
    pair = data.draw(pairs(on_docker))
    found = _changes(pair)
    for _ in range(5):
        packet = data.draw(packets(pair.all))
        was, now = (
            decide(_policy(rules), CAGE, packet).allowed for rules in (pair.before, pair.after)
        )
        assert _says(found, _of_packet(packet), grown=True) == (now and not was)
        assert _says(found, _of_packet(packet), grown=False) == (was and not now)


@bounded
@given(st.data())
def test_in_a_cluster_the_review_says_newly_reachable_if_and_only_if_the_verdict_flips(
    data: st.DataObject,
) -> None:
    pair = data.draw(pairs(in_cluster))
    found = _changes(pair)
    for _ in range(5):
        connection = data.draw(connections(pair.all))
        was, now = (
            decide_connection.decide(_policy(rules), connection).answer is Answer.ALLOWED
            for rules in (pair.before, pair.after)
        )
        assert _says(found, _of_connection(connection), grown=True) == (now and not was)
        assert _says(found, _of_connection(connection), grown=False) == (was and not now)


@bounded
@given(st.data())
def test_whatever_names_resolve_to_nothing_becomes_reachable_unsaid(data: st.DataObject) -> None:
    pair = data.draw(pairs(named))
    found = _changes(pair)
    for _ in range(5):
        packet = data.draw(packets(pair.all, _ANSWERS))
        was, now = (
            decide(_policy(rules), CAGE, packet, RESOLUTION).allowed
            for rules in (pair.before, pair.after)
        )
        if now and not was:
            assert _says(found, _of_packet(packet), grown=True)


@bounded
@given(st.data())
def test_renaming_and_reordering_is_no_change(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from((named, in_cluster)))
    before = data.draw(pairs(kind)).before
    moved = data.draw(st.permutations(before))
    renamed = tuple(
        Rule(
            name=f"other-{number}",
            destination=one.destination,
            protocol=one.protocol,
            ports=one.ports,
            origin=f"egress[{number}]",
        )
        for number, one in enumerate(moved)
    )
    assert _changes(Pair(before, renamed)) == ()


@bounded
@given(st.data())
def test_a_change_is_never_empty_and_lies_in_its_entry(data: st.DataObject) -> None:
    pair = data.draw(pairs(data.draw(st.sampled_from((on_docker, in_cluster)))))
    for one in _changes(pair):
        assert one.region
        owner = one.was if one.kind is Kind.NARROWED and one.was else one.opening
        for box in one.region:
            assert any(box.common(whole) == box for whole in owner.region)
