"""The invariants of a policy: ports, blanket rules, what may not stand beside each other."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, ip_network
from itertools import product

import pytest
from hypothesis import given

from newt_tunnel.egress.decide_packet import Direction, Packet, decide
from newt_tunnel.egress.model import PolicyError, PortRange, Protocol
from newt_tunnel.egress.rules import Policy, Rule
from tests.unit.egress.cases import CAGE, golden, policy, rule
from tests.unit.egress.strategies import blocks, bounded, policy_of, rules


@pytest.mark.parametrize(("first", "last"), [(1, 1), (65535, 65535), (1, 65535), (8000, 8010)])
def test_a_port_range_may_be_anything_from_1_to_65535(first: int, last: int) -> None:
    ports = PortRange(first, last)
    assert first in ports
    assert last in ports
    assert first - 1 not in ports
    assert last + 1 not in ports


@pytest.mark.parametrize(
    ("first", "last"), [(0, 0), (0, 80), (-1, 80), (1, 65536), (70000, 70000), (81, 80)]
)
def test_a_port_range_outside_the_ports_there_are_is_refused_with_a_remedy(
    first: int, last: int
) -> None:
    with pytest.raises(PolicyError, match="from 1 to 65535") as error:
        PortRange(first, last)
    assert str(first) in str(error.value), "the wrong value is not shown"


def test_port_ranges_read_as_a_user_writes_them() -> None:
    assert [str(PortRange.single(80)), str(PortRange(8000, 8010))] == ["80", "8000-8010"]
    assert rule("web", "10.0.1.50", "80,8000-8010/tcp").ports_text == "80,8000-8010"
    assert rule("pangolin", "203.0.113.10", "all/any").ports_text == "all"


@pytest.mark.parametrize(
    ("protocol", "ports"), [(Protocol.ANY, (PortRange.single(80),)), (Protocol.TCP, ())]
)
def test_ports_belong_to_tcp_and_udp_and_to_nothing_else(
    protocol: Protocol, ports: tuple[PortRange, ...]
) -> None:
    with pytest.raises(PolicyError, match=r"egress\[3\]: web: ports belong to TCP or UDP"):
        Rule(
            name="web",
            destination=IPv4Network("10.0.1.50/32"),
            protocol=protocol,
            ports=ports,
            origin="egress[3]",
        )


def test_a_policy_error_keeps_key_value_and_remedy_apart() -> None:
    error = PolicyError("egress[1].port", 70000, "write a port from 1 to 65535")
    assert (error.key, error.value, error.remedy) == (
        "egress[1].port",
        70000,
        "write a port from 1 to 65535",
    )
    assert str(error) == "egress[1].port: 70000: write a port from 1 to 65535"


@pytest.mark.parametrize(
    ("allowed", "forbidden"),
    [
        ("web 10.0.1.1 80/tcp", "router 10.0.1.1 80/tcp"),
        ("web 10.0.1.0/24 80/tcp", "router 10.0.1.1 80/tcp"),
        ("web 10.0.1.1 80/tcp", "office 10.0.0.0/8 1-1024/tcp"),
        ("web 10.0.1.1 79-81/tcp", "router 10.0.1.1 22,80/tcp"),
        ("web 10.0.1.1 all/any", "router 10.0.1.1 80/tcp"),
        ("web 10.0.1.1 80/udp", "router 10.0.1.1 all/any"),
        ("dns 0.0.0.0/0 53/udp", "router 10.0.1.1 53/udp"),
        ("web nas.lan 80/tcp", "ui nas.lan 80/tcp"),
    ],
)
def test_something_both_allowed_and_forbidden_is_an_error_that_names_both(
    allowed: str, forbidden: str
) -> None:
    with pytest.raises(PolicyError) as error:
        policy(f"allow gitea 10.0.1.50 3000/tcp\nallow {allowed}\nforbid {forbidden}")
    told = str(error.value)
    names = {allowed.split()[0], forbidden.split()[0]}
    assert all(name in told for name in names), f"does not name {names}: {told}"
    assert error.value.key == "mustNotReach[0]", "points at the entry to change"
    assert "dns:" in told or "egress[1]:" in told, "and at the other"
    assert "narrow the one or remove the other" in told, "says what to do"


@pytest.mark.parametrize(
    ("allowed", "forbidden"),
    [
        ("web 10.0.1.1 80/tcp", "router 10.0.1.1 81/tcp"),
        ("web 10.0.1.1 80/tcp", "router 10.0.1.1 80/udp"),
        ("web 10.0.1.0/31 80/tcp", "router 10.0.1.2/31 80/tcp"),
        ("web 10.0.1.1 1-79,81-65535/tcp", "router 10.0.1.1 80/tcp"),
        ("web nas.lan 80/tcp", "ui pi.lan 80/tcp"),
        ("web nas.lan 80/tcp", "ui 10.0.1.10 80/tcp"),  # what a name is, the host finds out
    ],
)
def test_neighbours_may_be_allowed_and_forbidden(allowed: str, forbidden: str) -> None:
    assert len(policy(f"allow {allowed}\nforbid {forbidden}").forbidden) == 1


@bounded
@given(
    rules("allowed", "egress[0]", where=blocks), rules("forbidden", "mustNotReach[0]", where=blocks)
)
def test_an_overlap_is_refused_exactly_when_some_packet_matches_both(
    allowed: Rule, forbidden: Rule
) -> None:
    matches_both = any(
        all(decide(policy_of(one), CAGE, packet).allowed for one in (allowed, forbidden))
        for packet in packets_at_the_edges(allowed, forbidden)
    )
    assert allowed.overlaps(forbidden) is matches_both
    assert forbidden.overlaps(allowed) is matches_both, "an overlap has no direction"
    try:
        Policy(allowed=(allowed,), forbidden=(forbidden,), resolvers=(), server_names=())
    except PolicyError:
        assert matches_both, "refused, and no packet matches both"
    else:
        assert not matches_both, "the proof would find its own policy open"


def packets_at_the_edges(*rules: Rule) -> Iterable[Packet]:
    """Two blocks, or two ranges, that overlap share an edge of one of them."""
    networks = [one.destination for one in rules if isinstance(one.destination, IPv4Network)]
    addresses = {edge for block in networks for edge in (block[0], block[-1])}
    ports = {edge for one in rules for r in one.ports for edge in (r.first, r.last)} or {80}
    for address, port, protocol in product(addresses, ports, ("tcp", "udp")):
        yield Packet(
            direction=Direction.FROM_NEWT,
            source=CAGE.newt,
            destination=address,
            protocol=protocol,
            port=port,
        )


def test_host_names_are_listed_once_each_allowed_and_forbidden() -> None:
    assert golden("names").host_names == (
        "nas.lan",
        "pangolin.example.com",
        "vault.lan",
        "wiki.lan",
    )


def test_targets_are_counted_as_the_kernel_sees_them() -> None:
    counted = policy("allow a 10.0.1.1 all/any\nallow b 10.0.1.2 80,443,8000-8010/tcp")
    assert counted.target_count == 4, "one for the blanket rule, one per range of the other"


def test_an_address_is_shown_as_a_user_writes_it() -> None:
    shown = [str(one) for one in golden("blocks").allowed if one.name in {"one", "pair"}]
    assert shown == ["pair (10.0.1.200/31 631/tcp)", "one (10.0.1.50 3000/tcp)"]
    assert golden("blocks").resolvers == (IPv4Address("10.0.1.53"),)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("64:ff9b::a00:100/120", "10.0.1.60/32", True),
        ("2002:a00:13c::/48", "10.0.1.60/32", True),
        ("64:ff9b::a00:13c/128", "2002:a00:13c:1::5/128", True),
        ("64:ff9b::a00:200/120", "10.0.1.60/32", False),
        ("fd00::a00:13c/128", "10.0.1.60/32", False),
    ],
)
def test_ipv6_addresses_overlap_with_the_ipv4_addresses_they_hold(
    one: str, other: str, meet: bool
) -> None:
    first, second = (
        Rule(
            name="db",
            destination=ip_network(block),
            protocol=Protocol.TCP,
            ports=(PortRange.single(5432),),
            origin="egress[0]",
        )
        for block in (one, other)
    )
    assert first.overlaps(second) is meet
    assert second.overlaps(first) is meet
