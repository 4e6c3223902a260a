"""The renderers are held to ``decide``: random policies, random packets, the same verdict.

The rendered text is run by small machines of our own; whether the kernel agrees with the machines
is for the lab.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.egress import iptables, nftables
from newt_tunnel.egress.cage import Cage, Firewall, Hook
from newt_tunnel.egress.decide_packet import Direction, Packet, Tracking, decide
from newt_tunnel.egress.placeholders import expand
from newt_tunnel.egress.rules import Policy
from tests.unit.egress import iptables_machine, nft_machine
from tests.unit.egress.cases import CAGE
from tests.unit.egress.strategies import (
    RESOLUTION,
    Situation,
    bounded,
    briefly,
    policies,
    policy_of,
    situations,
)
from tests.unit.egress.wire import ELSEWHERE, Outcome, WirePacket, forwarded, readings, rewritten

PREROUTING = replace(CAGE, hook=Hook.PREROUTING)
DOCKER_USER = replace(CAGE, hook=Hook.DOCKER_USER)
NFTABLES = replace(CAGE, firewall=Firewall.NFTABLES)


class Iptables:
    """Both address families of a rendered ruleset."""

    def __init__(self, policy: Policy, cage: Cage, *, full: bool = False) -> None:
        ruleset = iptables.render(policy, cage)
        rules4 = expanded(ruleset.rules4)
        self._machine4 = iptables_machine.Machine(rules4, map(str, ruleset.jumps4), full=full)
        self._machine6 = iptables_machine.Machine(ruleset.rules6, map(str, ruleset.jumps6))

    def run(self, hook: str, packet: WirePacket) -> Outcome:
        ipv4 = isinstance(packet.source, IPv4Address)
        return (self._machine4 if ipv4 else self._machine6).run(hook, packet)


def nft_for(policy: Policy, cage: Cage = NFTABLES) -> nft_machine.Machine:
    return nft_machine.Machine(expanded(nftables.render(policy, cage)))


def assert_obeyed(rules: Iptables | nft_machine.Machine, situation: Situation) -> None:
    """In the hooks of both renderers that see every packet."""
    for packet in situation.packets:
        hook = "PREROUTING" if packet.direction is Direction.FROM_NEWT else "POSTROUTING"
        for seen in readings(packet, CAGE):
            outcome = rules.run(hook if isinstance(rules, Iptables) else hook.lower(), seen)
            assert_same_verdict(situation.policy, packet, seen, outcome)


def expanded(text: str) -> str:
    return "".join(f"{line}\n" for line in expand(text.splitlines(), RESOLUTION))


@bounded
@given(situations())
def test_iptables_in_prerouting_gives_the_verdict_of_decide(situation: Situation) -> None:
    rules = Iptables(situation.policy, PREROUTING)
    assert_obeyed(rules, situation)


@bounded
@given(situations())
def test_nftables_gives_the_verdict_of_decide(situation: Situation) -> None:
    rules = nft_for(situation.policy)
    assert_obeyed(rules, situation)


@briefly
@given(situations(), st.booleans())
def test_iptables_that_remembers_gives_the_verdict_of_decide_full_or_not(
    situation: Situation, full: bool
) -> None:
    rules = Iptables(situation.policy, replace(PREROUTING, log_drops=True), full=full)
    assert_obeyed(rules, situation)


@briefly
@given(situations())
def test_nftables_that_remembers_gives_the_verdict_of_decide(situation: Situation) -> None:
    rules = nft_for(situation.policy, replace(NFTABLES, log_drops=True))
    assert_obeyed(rules, situation)


@bounded
@given(situations())
def test_docker_user_gives_the_verdict_of_decide_where_no_address_is_rewritten(
    situation: Situation,
) -> None:
    rules = Iptables(situation.policy, DOCKER_USER)
    for packet in situation.packets:
        for hook, seen in docker_user_hooks(packet):
            assert_same_verdict(situation.policy, packet, seen, rules.run(hook, seen), DOCKER_USER)


@briefly
@given(situations(), st.sampled_from(["172.17.0.2", "10.0.1.50"]), st.sampled_from([53, 8096]))
def test_docker_user_judges_whom_newt_asked_for_and_not_whom_docker_made_of_it(
    situation: Situation, container: str, port: int
) -> None:
    rules = Iptables(situation.policy, DOCKER_USER)
    for packet in situation.packets:
        for hook, seen in docker_user_hooks(packet):
            if hook == "DOCKER-USER" and packet.direction is Direction.FROM_NEWT:
                behind_dnat = rewritten(seen, IPv4Address(container), port)
                outcome = rules.run(hook, behind_dnat)
                assert_same_verdict(situation.policy, packet, behind_dnat, outcome, DOCKER_USER)


@briefly
@given(policies(), st.sampled_from(Tracking))
def test_packets_of_other_interfaces_are_nobodys_business(
    policy: Policy, tracking: Tracking
) -> None:
    packet = Packet(
        direction=Direction.FROM_NEWT,
        source=IPv4Address("172.17.0.2"),
        destination=CAGE.newt,
        protocol="tcp",
        port=80,
        tracking=tracking,
    )
    hooks_of: dict[Iptables | nft_machine.Machine, tuple[str, ...]] = {
        Iptables(policy, PREROUTING): ("PREROUTING", "POSTROUTING"),
        Iptables(policy, DOCKER_USER): ("DOCKER-USER", "INPUT", "OUTPUT"),
        nft_for(policy): ("prerouting", "postrouting"),
    }
    for rules, hooks in hooks_of.items():
        for hook, seen in ((hook, seen) for hook in hooks for seen in readings(packet, CAGE)):
            strange = replace(seen, in_interface=ELSEWHERE, out_interface=ELSEWHERE)
            assert rules.run(hook, strange).passed, f"{hook} guards more than newt's bridge"


@pytest.mark.parametrize("cage", [PREROUTING, DOCKER_USER], ids=lambda cage: cage.hook.value)
@pytest.mark.parametrize("direction", Direction)
def test_the_rules_for_ipv6_are_nothing_but_a_drop(cage: Cage, direction: Direction) -> None:
    ruleset = iptables.render(policy_of(), cage)
    machine = iptables_machine.Machine(ruleset.rules6, map(str, ruleset.jumps6))
    hook = "PREROUTING" if direction is Direction.FROM_NEWT else "POSTROUTING"
    for tracking in Tracking:
        # Addresses do not matter: that none of the rules asks for one is the point.
        packet = Packet(
            direction=direction,
            source=CAGE.newt,
            destination=CAGE.newt,
            protocol="tcp",
            tracking=tracking,
        )
        for seen in readings(packet, CAGE):
            assert machine.run(hook, seen) == Outcome(False, "newt: no IPv6")


def docker_user_hooks(packet: Packet) -> Iterator[tuple[str, WirePacket]]:
    """Where a packet may pass: routed through the host, or the host itself is its other end."""
    from_newt = packet.direction is Direction.FROM_NEWT
    for seen in readings(packet, CAGE):
        if isinstance(packet.source, IPv4Address):
            yield "DOCKER-USER", forwarded(seen)
            yield "INPUT" if from_newt else "OUTPUT", seen
        else:
            yield "PREROUTING" if from_newt else "POSTROUTING", seen


def assert_same_verdict(
    policy: Policy, packet: Packet, seen: WirePacket, outcome: Outcome, cage: Cage = CAGE
) -> None:
    wanted = decide(policy, cage, packet, RESOLUTION)
    assert outcome.passed is wanted.allowed, (
        f"decide: {wanted.reason}; the rules: {outcome.comment}; for {seen}"
    )
    if wanted.rule is not None:
        # The proof goes by counters: the rule that counts must be one that allows the packet.
        named = [entry for entry in policy.allowed if outcome.comment == f"newt: {entry.name}"]
        alone = decide(policy_of(*named), cage, packet, RESOLUTION)
        assert alone.allowed, f"counted under {outcome.comment}, which does not allow it"
