"""The renderers are held to ``decide``: random policies, random packets, the same verdict.

The rendered text is run by small machines of our own; whether the kernel agrees with the machines
is for the lab.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from egress import iptables, nftables
from egress.cage import Cage, Firewall, Hook
from egress.decide import Direction, Packet, Tracking, decide
from egress.model import Policy
from egress.names import expand
from tests.unit.egress import iptables_machine, nft_machine
from tests.unit.egress.cases import CAGE
from tests.unit.egress.strategies import (
    RESOLUTION,
    Situation,
    bounded,
    policies,
    policy_of,
    situations,
)
from tests.unit.egress.wire import ELSEWHERE, Outcome, WirePacket, forwarded, readings, rewritten

PREROUTING = replace(CAGE, hook=Hook.PREROUTING)
DOCKER_USER = replace(CAGE, hook=Hook.DOCKER_USER)
NFTABLES = replace(CAGE, firewall=Firewall.NFTABLES)


@bounded
@given(situations())
def test_iptables_in_prerouting_gives_the_verdict_of_decide(situation: Situation) -> None:
    hooks = {Direction.FROM_NEWT: "PREROUTING", Direction.TO_NEWT: "POSTROUTING"}
    machine = iptables_for(situation.policy, PREROUTING, situation.packet)
    for packet in readings(situation.packet, CAGE):
        outcome = machine.run(hooks[situation.packet.direction], packet)
        assert_same_verdict(situation, packet, outcome)


@bounded
@given(situations())
def test_nftables_gives_the_verdict_of_decide(situation: Situation) -> None:
    hooks = {Direction.FROM_NEWT: "prerouting", Direction.TO_NEWT: "postrouting"}
    machine = nft_for(situation.policy)
    for packet in readings(situation.packet, CAGE):
        outcome = machine.run(hooks[situation.packet.direction], packet)
        assert_same_verdict(situation, packet, outcome)


@bounded
@given(situations())
def test_docker_user_gives_the_verdict_of_decide_where_no_address_is_rewritten(
    situation: Situation,
) -> None:
    assume(is_known_to_conntrack(situation.packet))
    machine = iptables_for(situation.policy, DOCKER_USER, situation.packet)
    for packet in readings(situation.packet, CAGE):
        for hook, seen in docker_user_hooks(situation.packet, packet):
            assert_same_verdict(situation, seen, machine.run(hook, seen))


@bounded
@given(situations(), st.sampled_from(["172.17.0.2", "10.0.1.50"]), st.sampled_from([53, 8096]))
def test_docker_user_judges_whom_newt_asked_for_and_not_whom_docker_made_of_it(
    situation: Situation, container: str, port: int
) -> None:
    assume(is_known_to_conntrack(situation.packet))
    assume(situation.packet.direction is Direction.FROM_NEWT)
    assume(isinstance(situation.packet.source, IPv4Address))
    machine = iptables_for(situation.policy, DOCKER_USER, situation.packet)
    for packet in readings(situation.packet, CAGE):
        seen = rewritten(forwarded(packet), IPv4Address(container), port)
        assert_same_verdict(situation, seen, machine.run("DOCKER-USER", seen))


@bounded
@given(situations())
def test_docker_user_drops_what_conntrack_does_not_know(situation: Situation) -> None:
    """Stricter than ``decide``: behind DNAT only conntrack can say whom newt asked for."""
    packet = replace(situation.packet, tracking=Tracking.UNTRACKED)
    machine = iptables_for(situation.policy, DOCKER_USER, packet)
    for reading in readings(packet, CAGE):
        for hook, seen in docker_user_hooks(packet, reading):
            assert not machine.run(hook, seen).passed, f"{seen} is vouched for by nobody"


@bounded
@given(policies(), st.sampled_from(Direction))
def test_packets_of_other_interfaces_are_nobodys_business(
    policy: Policy, direction: Direction
) -> None:
    packet = Packet(
        direction=direction,
        source=IPv4Address("172.17.0.2"),
        destination=IPv4Address("10.0.1.1"),
        protocol="tcp",
        port=80,
    )
    into, out = ("", ELSEWHERE) if direction is Direction.TO_NEWT else (ELSEWHERE, "")
    tables = [iptables_for(policy, hook, packet) for hook in (PREROUTING, DOCKER_USER)]
    mangle, filter_ = tables
    for reading in readings(packet, CAGE):
        strange = replace(reading, in_interface=into, out_interface=out)
        outcomes = [
            *(mangle.run(hook, strange) for hook in ("PREROUTING", "POSTROUTING")),
            *(filter_.run(hook, strange) for hook in ("DOCKER-USER", "INPUT", "OUTPUT")),
            *(nft_for(policy).run(hook, strange) for hook in ("prerouting", "postrouting")),
        ]
        assert all(outcome.passed for outcome in outcomes), "only newt's bridge is guarded"


@pytest.mark.parametrize("cage", [PREROUTING, DOCKER_USER], ids=lambda cage: cage.hook.value)
@pytest.mark.parametrize("tracking", Tracking)
@pytest.mark.parametrize("direction", Direction)
def test_ipv6_is_dropped_in_mangle_whatever_the_hook_of_ipv4(
    cage: Cage, tracking: Tracking, direction: Direction
) -> None:
    packet = Packet(
        direction=direction,
        source=IPv4Address("172.30.0.10"),
        destination=IPv4Address("10.0.1.50"),
        protocol="tcp",
        tracking=tracking,
    )
    ruleset = iptables.render(policy_of(), cage)
    machine = iptables_machine.Machine(ruleset.rules6, map(str, ruleset.jumps6))
    hook = "PREROUTING" if direction is Direction.FROM_NEWT else "POSTROUTING"
    for reading in readings(packet, CAGE):
        outcome = machine.run(hook, reading)
        assert outcome == Outcome(False, "newt: no IPv6"), "nothing but a drop stands there"


def iptables_for(policy: Policy, cage: Cage, packet: Packet) -> iptables_machine.Machine:
    """The machine that sees ``packet``: the one of its address family."""
    ruleset = iptables.render(policy, cage)
    if isinstance(packet.source, IPv4Address):
        return iptables_machine.Machine(expanded(ruleset.rules4), map(str, ruleset.jumps4))
    jumps = [str(jump) for jump in ruleset.jumps6]
    return iptables_machine.Machine(ruleset.rules6, jumps)


def nft_for(policy: Policy) -> nft_machine.Machine:
    return nft_machine.Machine(expanded(nftables.render(policy, NFTABLES)))


def expanded(text: str) -> str:
    return "".join(f"{line}\n" for line in expand(text.splitlines(), RESOLUTION))


def docker_user_hooks(packet: Packet, reading: WirePacket) -> Iterator[tuple[str, WirePacket]]:
    """Where the packet may pass: routed through the host, or the host itself is its other end."""
    from_newt = packet.direction is Direction.FROM_NEWT
    if isinstance(packet.source, IPv4Address):
        yield "DOCKER-USER", forwarded(reading)
        yield "INPUT" if from_newt else "OUTPUT", reading
    else:
        yield "PREROUTING" if from_newt else "POSTROUTING", reading


def is_known_to_conntrack(packet: Packet) -> bool:
    return packet.tracking is not Tracking.UNTRACKED


def assert_same_verdict(situation: Situation, packet: WirePacket, outcome: Outcome) -> None:
    policy = situation.policy
    wanted = decide(policy, CAGE, situation.packet, RESOLUTION)
    assert outcome.passed is wanted.allowed, (
        f"decide: {wanted.reason}; the rules: {outcome.comment}; for {packet}"
    )
    if wanted.rule is not None:
        # The proof goes by counters: the rule that counts must be one that allows the packet.
        named = [r for r in policy.allowed if outcome.comment == f"newt: {r.name}"]
        assert named, f"allowed by {outcome.comment}, which is no entry"
        alone = decide(policy_of(*named), CAGE, situation.packet, RESOLUTION)
        assert alone.allowed, f"counted under {outcome.comment}, which does not allow it"
