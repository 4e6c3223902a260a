"""``decide`` on the blog post's own network: the table of the post, packet by packet."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from newt_tunnel.egress.cage import Hook
from newt_tunnel.egress.decide_packet import Direction, Packet, Tracking, decide
from newt_tunnel.egress.model import HostName
from tests.unit.egress.cases import CAGE, golden, policy

NAS = golden("nas")
RESOLUTION = {HostName("homeassistant.lan"): (IPv4Address("10.0.1.100"),)}


def from_newt(destination: str, service: str) -> Packet:
    port, _, protocol = service.rpartition("/")
    return Packet(
        direction=Direction.FROM_NEWT,
        source=CAGE.newt,
        destination=IPv4Address(destination),
        protocol=protocol,
        port=int(port) if port else None,
    )


def to_newt(source: str) -> Packet:
    return Packet(
        direction=Direction.TO_NEWT,
        source=IPv4Address(source),
        destination=CAGE.newt,
        protocol="tcp",
        port=3000,
    )


@pytest.mark.parametrize(
    ("destination", "service", "rule"),
    [
        ("10.0.1.53", "53/udp", "dns"),
        ("10.0.1.53", "53/tcp", "dns"),
        ("203.0.113.10", "443/tcp", "pangolin"),
        ("203.0.113.10", "51820/udp", "pangolin"),
        ("10.0.1.50", "3000/tcp", "gitea"),
        ("10.0.1.200", "631/tcp", "printer"),
        ("10.0.1.10", "8096/tcp", "jellyfin"),
        ("10.0.1.100", "8123/tcp", "homeassistant"),
    ],
)
def test_what_the_post_allows_passes_and_the_rule_is_named(
    destination: str, service: str, rule: str
) -> None:
    verdict = decide(NAS, CAGE, from_newt(destination, service), RESOLUTION)
    assert verdict.allowed, verdict.reason
    assert verdict.rule == rule, "counters and reports go by this name"
    assert "allows it" in verdict.reason, "a reason is a sentence for people"


@pytest.mark.parametrize(
    ("destination", "service"),
    [
        ("10.0.1.60", "5432/tcp"),  # postgres
        ("10.0.1.1", "80/tcp"),  # router
        ("10.0.1.10", "22/tcp"),  # the Docker host's own ssh
        ("172.30.0.1", "22/tcp"),  # the same by the bridge's address
        ("10.0.1.50", "3001/tcp"),  # gitea's neighbour port
        ("10.0.1.50", "3000/udp"),  # the port, the other transport
        ("10.0.1.51", "3000/tcp"),  # gitea's neighbour
        ("10.0.1.50", "/icmp"),  # no port at all
        ("10.0.1.50", "/tcp"),  # a later fragment, which carries no port
        ("9.9.9.9", "53/udp"),  # another resolver
        ("169.254.169.254", "80/tcp"),  # cloud metadata
    ],
)
def test_what_the_post_does_not_list_is_dropped(destination: str, service: str) -> None:
    verdict = decide(NAS, CAGE, from_newt(destination, service), RESOLUTION)
    assert not verdict.allowed, f"{verdict.rule} lets it pass"
    assert (verdict.rule, verdict.reason) == (None, "not in the allow-list")


def test_a_host_name_without_an_answer_matches_nothing() -> None:
    packet = from_newt("10.0.1.100", "8123/tcp")
    assert not decide(NAS, CAGE, packet).allowed, "nobody said that this is homeassistant.lan"
    assert not decide(NAS, CAGE, packet, {HostName("homeassistant.lan"): ()}).allowed


def test_every_answer_of_a_host_name_is_a_target() -> None:
    answers = (IPv4Address("10.0.1.100"), IPv4Address("10.0.1.101"))
    for answer in answers:
        packet = from_newt(str(answer), "8123/tcp")
        resolution = {HostName("homeassistant.lan"): answers}
        assert decide(NAS, CAGE, packet, resolution).allowed, f"{answer} is one of its addresses"


def test_another_source_on_the_bridge_is_dropped_even_for_an_allowed_target() -> None:
    packet = replace(from_newt("10.0.1.50", "3000/tcp"), source=IPv4Address("172.30.0.99"))
    for tracking in Tracking:
        verdict = decide(NAS, CAGE, replace(packet, tracking=tracking))
        assert not verdict.allowed, "a forged source would escape every later look"
        assert "only 172.30.0.10 may send from br-newt" in verdict.reason


def test_nothing_of_newts_passes_by_its_state() -> None:
    packet = from_newt("10.0.1.60", "5432/tcp")
    for tracking in Tracking:
        assert not decide(NAS, CAGE, replace(packet, tracking=tracking)).allowed, (
            "a revoked target must be cut at once, and newt has nobody to answer"
        )


def test_docker_user_goes_by_whom_the_connection_was_opened_to() -> None:
    """Behind DNAT nothing else is left of what newt asked for."""
    cage = replace(CAGE, hook=Hook.DOCKER_USER)
    packet = from_newt("10.0.1.50", "3000/tcp")
    assert decide(NAS, cage, packet).rule == "gitea"
    answer = replace(packet, tracking=Tracking.REPLY, asked=(CAGE.newt, 3000))
    assert not decide(NAS, cage, answer).allowed, "that connection was opened to newt"
    assert decide(NAS, CAGE, answer).allowed, "in prerouting the address of the packet counts"


def test_docker_user_drops_what_conntrack_does_not_know() -> None:
    cage = replace(CAGE, hook=Hook.DOCKER_USER)
    packet = replace(from_newt("10.0.1.50", "3000/tcp"), tracking=Tracking.UNTRACKED)
    verdict = decide(NAS, cage, packet)
    assert (verdict.allowed, "conntrack" in verdict.reason) == (False, True)
    assert decide(NAS, CAGE, packet).allowed, "in prerouting nobody asks conntrack"


def test_nothing_but_replies_reaches_newt() -> None:
    assert decide(NAS, CAGE, replace(to_newt("10.0.1.50"), tracking=Tracking.REPLY)).allowed
    for tracking in (Tracking.ORIGINAL, Tracking.UNTRACKED):
        for source in ("10.0.1.50", "10.0.1.10", "172.30.0.1"):
            verdict = decide(NAS, CAGE, replace(to_newt(source), tracking=tracking))
            assert not verdict.allowed, f"{source} opens a connection to newt"
            assert verdict.reason == "nothing may open a connection to newt"


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("tracking", Tracking)
def test_ipv6_never_crosses_the_bridge(direction: Direction, tracking: Tracking) -> None:
    packet = Packet(
        direction=direction,
        source=IPv6Address("fe80::10"),
        destination=IPv6Address("::ffff:10.0.1.50"),
        protocol="tcp",
        port=3000,
        tracking=tracking,
    )
    verdict = decide(NAS, CAGE, packet)
    assert not verdict.allowed, "IPv6 was let through"
    assert "IPv6" in verdict.reason


def test_a_blanket_rule_allows_protocols_without_ports_too() -> None:
    pangolin_all = golden("pangolin-all")
    for service in ("/icmp", "/gre", "22/tcp", "1/udp"):
        assert decide(pangolin_all, CAGE, from_newt("203.0.113.10", service)).allowed, service
        assert not decide(pangolin_all, CAGE, from_newt("203.0.113.12", service)).allowed, service


def test_dns_any_opens_port_53_of_everybody_and_nothing_else() -> None:
    dns_any = golden("dns-any")
    assert decide(dns_any, CAGE, from_newt("9.9.9.9", "53/udp")).rule == "dns"
    assert decide(dns_any, CAGE, from_newt("172.30.0.1", "53/tcp")).rule == "dns"
    assert not decide(dns_any, CAGE, from_newt("9.9.9.9", "54/udp")).allowed


def test_the_first_by_name_of_several_rules_is_named_whatever_their_order() -> None:
    lines = ["allow wide 10.0.1.0/24 1-65535/tcp", "allow gitea 10.0.1.50 3000/tcp"]
    for text in ("\n".join(lines), "\n".join(reversed(lines))):
        verdict = decide(policy(text), CAGE, from_newt("10.0.1.50", "3000/tcp"))
        assert verdict.rule == "gitea", "the rule that stands first is the one that counts"


def test_with_an_empty_policy_newt_reaches_nothing() -> None:
    verdict = decide(policy(""), CAGE, from_newt("203.0.113.10", "443/tcp"))
    assert verdict.reason == "not in the allow-list"
