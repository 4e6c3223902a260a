"""What the proof tries: all that is allowed, all that is forbidden, and canaries."""

from __future__ import annotations

import re
from ipaddress import IPv4Address

import pytest
from hypothesis import given

from newt_tunnel.egress.decide_packet import Direction, Packet, decide
from newt_tunnel.egress.proof_plan import Probe, plan, render
from newt_tunnel.egress.rules import Policy
from newt_tunnel.egress.samples import KNOWN_SERVICES
from tests.unit.egress.cases import CAGE, golden, policy
from tests.unit.egress.strategies import RESOLUTION, briefly, policies

#: What an empty policy is tried with.
CANARIES = [
    "block tcp 10.0.1.10 22 docker-host-ssh",
    "block tcp 172.30.0.1 22 gateway-ssh",
    "block tcp 169.254.169.254 80 cloud-metadata",
    "block tcp 9.9.9.9 53 foreign-resolver",
    "block udp 9.9.9.9 53 foreign-resolver",
]


def named(probes: tuple[Probe, ...], name: str) -> list[str]:
    return [probe.line for probe in probes if probe.name == name]


def test_an_empty_policy_is_tried_with_all_canaries() -> None:
    assert [probe.line for probe in plan(policy(""), CAGE)] == CANARIES


def test_allowed_targets_come_first_then_forbidden_ones_then_the_canaries() -> None:
    lines = [probe.line for probe in plan(golden("nas"), CAGE)]
    names = [line.split()[-1] for line in lines[: -len(CANARIES)]]
    assert lines[-len(CANARIES) :] == CANARIES
    assert names == [
        *("dns", "dns", "gitea", "homeassistant", "jellyfin", "pangolin", "pangolin", "printer"),
        *("postgres", "router"),
    ]


def test_every_forbidden_entry_is_tried_and_must_stay_shut() -> None:
    probes = plan(policy("forbid nas nas.lan 22,8000-8010/tcp\nforbid tv 10.0.1.9 53/udp"), CAGE)
    assert named(probes, "nas") == [
        "block tcp @{nas.lan} 22 nas",
        "block tcp @{nas.lan} 8000 nas 8000-8010",
        "block tcp @{nas.lan} 8010 nas 8000-8010",
    ]
    assert named(probes, "tv") == ["block udp 10.0.1.9 53 tv"]


def test_a_forbidden_range_of_ports_is_tried_at_its_ends_and_at_known_services_in_it() -> None:
    probes = plan(policy("forbid db 10.0.1.60 5000-6400/tcp"), CAGE)
    assert named(probes, "db") == [
        f"block tcp 10.0.1.60 {port} db 5000-6400" for port in (5000, 5432, 5900, 6379, 6400)
    ]


def test_of_all_ports_of_an_address_the_known_services_are_tried_in_both_transports() -> None:
    probes = named(plan(policy("forbid nas 10.0.1.60 all/any"), CAGE), "nas")
    for service in KNOWN_SERVICES:
        assert f"block {service.protocol.value} 10.0.1.60 {service.port} nas all" in probes
    ends = {f"block {p} 10.0.1.60 {end} nas all" for p in ("tcp", "udp") for end in (1, 65535)}
    assert ends <= set(probes)
    assert len(probes) == len(KNOWN_SERVICES) + len(ends)


def test_a_forbidden_block_is_tried_at_its_ends_and_where_the_stack_file_knows_somebody() -> None:
    text = (
        "allow gitea 10.0.8.50 3000/tcp\nallow far 10.0.9.1 80/tcp\n"
        "forbid office 10.0.8.0/24 445,8000-9000/tcp\nforbid pair 10.0.1.200/31 22/tcp"
    )
    probes = plan(policy(text), CAGE)
    assert named(probes, "office") == [
        f"block tcp 10.0.8.{host} {port} office 10.0.8.0/24:{part}"
        for host in (1, 50, 254)
        for port, part in (
            *[(445, "445")],
            *[(port, "8000-9000") for port in (8000, 8080, 8443, 9000)],
        )
    ]
    assert named(probes, "pair") == [
        "block tcp 10.0.1.200 22 pair 10.0.1.200/31:22",
        "block tcp 10.0.1.201 22 pair 10.0.1.200/31:22",
    ]


def test_known_services_are_databases_ssh_and_web_and_each_stands_once() -> None:
    ports = [(service.protocol, service.port) for service in KNOWN_SERVICES]
    assert len(set(ports)) == len(ports)
    assert {22, 80, 443, 1433, 3306, 5432, 6379, 27017} <= {port for _, port in ports}


def test_an_allowed_range_is_tried_at_its_first_port_and_a_wider_one_is_another_plan() -> None:
    probes = plan(policy("allow mixed 10.0.1.52 80,8000-8010/tcp"), CAGE)
    assert named(probes, "mixed") == [
        "reach tcp 10.0.1.52 80 mixed",
        "reach tcp 10.0.1.52 8000 mixed 8000-8010",
    ]


@pytest.mark.parametrize("block", ["10.0.7.0/24", "10.0.1.200/31"])
def test_a_block_of_addresses_is_listed_once_and_not_knocked_at(block: str) -> None:
    probes = plan(policy(f"allow cameras {block} 80,554-560/tcp"), CAGE)
    assert named(probes, "cameras") == [f"reach tcp {block} 80,554-560 cameras"], (
        "the address with its prefix tells the host not to probe it"
    )


def test_a_blanket_rule_is_listed_without_a_port() -> None:
    probes = plan(policy("allow pangolin 203.0.113.10 all/any"), CAGE)
    assert named(probes, "pangolin") == ["reach any 203.0.113.10 all pangolin"]


@pytest.mark.parametrize(
    ("canary", "allowed"),
    [
        (0, "ssh 10.0.1.10 22/tcp"),
        (1, "ssh 172.30.0.0/24 20-30/tcp"),
        (2, "web 169.254.0.0/16 all/any"),
        (3, "dns 0.0.0.0/0 53/tcp"),
        (4, "dns 0.0.0.0/0 53/udp"),
    ],
)
def test_a_canary_that_the_policy_allows_is_not_expected_to_be_shut(
    canary: int, allowed: str
) -> None:
    probes = plan(policy(f"allow {allowed}"), CAGE)
    shut = [probe.line for probe in probes if not probe.must_reach]
    assert shut == [line for line in CANARIES if line != CANARIES[canary]], (
        "the proof would call the user's own wish a leak, or overlook one"
    )


def test_a_canary_stays_when_only_a_neighbour_of_it_is_allowed() -> None:
    text = "allow a 10.0.1.10 23/tcp\nallow b 10.0.1.10 22/udp\nallow c 9.9.9.8 53/tcp"
    shut = [probe.line for probe in plan(policy(text), CAGE) if not probe.must_reach]
    assert shut == CANARIES


def test_a_canary_that_is_forbidden_by_the_user_is_tried_once_under_the_users_name() -> None:
    probes = plan(policy("forbid my-nas 10.0.1.10 22/tcp"), CAGE)
    assert [p.name for p in probes if (p.address, p.port) == ("10.0.1.10", "22")] == ["my-nas"]


def test_the_canaries_follow_the_ssh_port_of_the_host() -> None:
    probes = plan(policy(""), CAGE, ssh_port=2222)
    assert named(probes, "docker-host-ssh") == ["block tcp 10.0.1.10 2222 docker-host-ssh"]
    assert named(probes, "gateway-ssh") == ["block tcp 172.30.0.1 2222 gateway-ssh"]


@briefly
@given(policies())
def test_expectations_agree_with_decide(policy: Policy) -> None:
    probes = plan(policy, CAGE)
    for probe in probes:
        if not (probe.port.isdigit() and re.fullmatch(r"[0-9.]+", probe.address)):
            continue
        packet = Packet(
            direction=Direction.FROM_NEWT,
            source=CAGE.newt,
            destination=IPv4Address(probe.address),
            protocol=probe.protocol,
            port=int(probe.port),
        )
        verdict = decide(policy, CAGE, packet, RESOLUTION)
        assert verdict.allowed is probe.must_reach, f"{probe.line}, but {verdict.reason}"


def test_the_plan_is_one_line_per_probe() -> None:
    probes = plan(golden("nas"), CAGE)
    assert render(probes) == "".join(f"{probe.line}\n" for probe in probes)
    assert render(()) == "", "an empty plan is an empty file"
