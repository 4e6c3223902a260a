"""The network on which newt reaches containers: what `decide` says of it, and that the renderers
say the same, of a packet that enters the bridge and of one that leaves it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.egress import iptables, nftables, proof_plan
from newt_tunnel.egress.cage import Firewall
from newt_tunnel.egress.decide_packet import (
    Direction,
    Leg,
    Packet,
    Resolution,
    Tracking,
    decide,
)
from newt_tunnel.egress.model import Address, Container, HostName
from newt_tunnel.egress.placeholders import NEWT, expand
from tests.unit.egress import iptables_machine, nft_machine
from tests.unit.egress.cases import CAGE, CAGE_WITH_SERVICES, GOLDEN, SERVICES, declaration, policy
from tests.unit.egress.strategies import bounded, mostly
from tests.unit.egress.test_golden import check, jumps
from tests.unit.egress.wire import readings

NFTABLES = replace(CAGE_WITH_SERVICES, firewall=Firewall.NFTABLES)
ON_BRIDGE = replace(CAGE, bridge=SERVICES.bridge)
POLICY = policy((GOLDEN.parent / "golden-services" / "policy.txt").read_text())
WEB, WORKER, WORKER2, DATABASE = (IPv4Address(f"172.30.1.{n}") for n in (2, 3, 4, 5))
RESOLUTION: Resolution = {
    Container("immich-server").key: (WEB,),
    Container("paperless/worker").key: (WORKER, WORKER2),
    Container("not-there-yet").key: (),
    HostName("gitea.lan"): (IPv4Address("10.0.1.50"),),
}


def on_services(
    source: IPv4Address | IPv6Address,
    destination: IPv4Address | IPv6Address,
    port: int,
    protocol: str = "tcp",
    tracking: Tracking = Tracking.ORIGINAL,
    impostor: bool = False,
) -> Packet:
    return Packet(
        direction=Direction.FROM_NEWT,
        source=source,
        destination=destination,
        protocol=protocol,
        port=port,
        tracking=tracking,
        leg=Leg.SERVICES,
        impostor=impostor,
    )


@pytest.mark.parametrize(
    ("source", "destination", "port", "tracking", "allowed"),
    [
        (SERVICES.newt, WEB, 2283, Tracking.ORIGINAL, True),
        (SERVICES.newt, WORKER, 8000, Tracking.ORIGINAL, True),
        (SERVICES.newt, WORKER2, 8000, Tracking.ORIGINAL, True),
        (WEB, SERVICES.newt, 40000, Tracking.REPLY, True),
        (SERVICES.newt, WEB, 22, Tracking.ORIGINAL, False),
        (SERVICES.newt, WORKER, 2283, Tracking.ORIGINAL, False),
        (SERVICES.newt, DATABASE, 2283, Tracking.ORIGINAL, False),
        (SERVICES.newt, SERVICES.gateway, 22, Tracking.ORIGINAL, False),
        # What newt may reach on its own network it may not reach here.
        (SERVICES.newt, IPv4Address("10.0.1.50"), 3000, Tracking.ORIGINAL, False),
        (WEB, SERVICES.newt, 2283, Tracking.ORIGINAL, False),
        (WEB, SERVICES.newt, 2283, Tracking.UNTRACKED, False),
        (DATABASE, WEB, 2283, Tracking.ORIGINAL, False),
        (DATABASE, WEB, 2283, Tracking.REPLY, False),
        (DATABASE, SERVICES.newt, 2283, Tracking.REPLY, False),
        (SERVICES.gateway, SERVICES.newt, 2283, Tracking.REPLY, False),
        (WEB, SERVICES.gateway, 22, Tracking.ORIGINAL, False),
        (SERVICES.gateway, SERVICES.newt, 2283, Tracking.ORIGINAL, False),
        (SERVICES.gateway, WEB, 2283, Tracking.ORIGINAL, False),
        (CAGE.newt, WEB, 2283, Tracking.ORIGINAL, False),
    ],
)
def test_only_newt_reaches_a_listed_container_at_its_port(
    source: IPv4Address, destination: IPv4Address, port: int, tracking: Tracking, allowed: bool
) -> None:
    packet = on_services(source, destination, port, tracking=tracking)
    verdict = decide(POLICY, CAGE_WITH_SERVICES, packet, RESOLUTION)
    assert verdict.allowed is allowed, verdict.reason


@pytest.mark.parametrize("tracking", Tracking)
def test_an_address_at_another_port_of_the_bridge_is_somebody_elses(tracking: Tracking) -> None:
    there = on_services(SERVICES.newt, WEB, 2283, impostor=True)
    back = on_services(WEB, SERVICES.newt, 40000, tracking=tracking, impostor=True)
    for packet in (there, back):
        assert not decide(POLICY, CAGE_WITH_SERVICES, packet, RESOLUTION).allowed


def test_a_container_is_not_reached_on_newts_own_network() -> None:
    packet = replace(on_services(CAGE.newt, WEB, 2283), leg=Leg.OWN)
    assert not decide(POLICY, CAGE_WITH_SERVICES, packet, RESOLUTION).allowed


def test_without_a_network_of_services_nothing_passes_there() -> None:
    packet = on_services(SERVICES.newt, WEB, 2283)
    assert not decide(POLICY, CAGE, packet, RESOLUTION).allowed


_hosts: st.SearchStrategy[Address] = st.sampled_from(
    (SERVICES.newt, WEB, WORKER, WORKER2, DATABASE, SERVICES.gateway, CAGE.newt, CAGE.host)
)
_ports = st.sampled_from((22, 2282, 2283, 2284, 8000, 8005, 8006, 9099, 9100, 53))
_protocols = mostly(st.just("tcp"), st.sampled_from(("udp", "icmp", "gre")))
_trackings = mostly(st.just(Tracking.ORIGINAL), st.sampled_from(Tracking))
_six: st.SearchStrategy[Address] = st.sampled_from((IPv6Address("fe80::1"), IPv6Address("fd10::2")))
_ends = mostly(st.tuples(mostly(st.just(SERVICES.newt), _hosts), _hosts), st.tuples(_six, _six))


@st.composite
def _packets(draw: st.DrawFn) -> Packet:
    source, destination = draw(_ends)
    impostor = draw(mostly(st.just(False), st.booleans()))
    return on_services(
        source, destination, draw(_ports), draw(_protocols), draw(_trackings), impostor
    )


def port_of(address: object) -> str:
    return f"veth{address}"


def expanded(text: str) -> str:
    found = {**RESOLUTION, NEWT: (SERVICES.newt,)}
    return "".join(f"{line}\n" for line in expand(text.splitlines(), found, port_of))


RULES = iptables.render(POLICY, CAGE_WITH_SERVICES)
IPTABLES4 = iptables_machine.Machine(expanded(RULES.rules4), map(str, RULES.jumps4))
IPTABLES6 = iptables_machine.Machine(RULES.rules6, map(str, RULES.jumps6))
#: The table of the bridge is for the kernel: see tests/host/test_containers.py.
INET, _, BRIDGE_TABLE = nftables.render(POLICY, NFTABLES).partition("table bridge")
NFT = nft_machine.Machine(expanded(INET))


@bounded
@given(_packets())
def test_the_renderers_say_what_decide_says_where_a_packet_enters_and_where_it_leaves(
    packet: Packet,
) -> None:
    """A frame between ports passes if both rules let it; what is no frame passes one of them."""
    wanted = decide(POLICY, CAGE_WITH_SERVICES, packet, RESOLUTION)
    ipv4 = isinstance(packet.source, IPv4Address)
    entering = readings(replace(packet, direction=Direction.FROM_NEWT), ON_BRIDGE)
    leaving = readings(replace(packet, direction=Direction.TO_NEWT), ON_BRIDGE)
    for into, out in zip(entering, leaving, strict=True):
        frame = replace(
            into,
            in_port="stranger" if packet.impostor else port_of(packet.source),
            out_port="stranger" if packet.impostor else port_of(packet.destination),
        )
        tables = IPTABLES4 if ipv4 else IPTABLES6
        passed = [
            tables.run("PREROUTING", frame),
            tables.run(
                "POSTROUTING", replace(frame, in_interface="", out_interface=out.out_interface)
            ),
        ]
        assert all(outcome.passed for outcome in passed) is wanted.allowed, (wanted.reason, frame)
        if wanted.rule is not None:
            assert passed[0].comment == f"newt: {wanted.rule}"
        if packet.impostor:
            continue
        for outcome in (NFT.run("prerouting", into), NFT.run("postrouting", out)):
            assert outcome.passed is wanted.allowed, (wanted.reason, outcome.comment, into)
        if wanted.rule is not None:
            assert NFT.run("prerouting", into).comment == f"newt: {wanted.rule}"


def test_the_rules_are_those_of_the_golden_files(pytestconfig: pytest.Config) -> None:
    check(
        GOLDEN.parent / "golden-services",
        {
            "iptables.rules4": RULES.rules4,
            "iptables.jumps": jumps(RULES),
            "nftables.nft": nftables.render(POLICY, NFTABLES),
            "declaration": declaration(POLICY, CAGE_WITH_SERVICES).files["declaration"],
            "proof.plan": proof_plan.render(proof_plan.plan(POLICY, CAGE_WITH_SERVICES)),
        },
        pytestconfig,
    )
