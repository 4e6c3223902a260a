"""The plan of the proof in a cluster, and what is said of the enforcers."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from newt_tunnel.egress import enforcers
from newt_tunnel.egress.cluster_proof import Contact, Dialled, plan
from newt_tunnel.egress.decide_connection import Answer, Connection, decide
from newt_tunnel.egress.enforcers import LIMITS
from newt_tunnel.egress.model import CLUSTER_CANARIES, Protocol
from newt_tunnel.egress.proof_table import ProbeVerdict, parse, summary
from newt_tunnel.egress.rules import Policy
from tests.unit.egress.cluster_cases import golden, policy

API = Contact(IPv4Address("10.43.0.1"), 443)
NODE = IPv4Address("10.0.1.11")


def lines(found: Policy, *dialled: Dialled) -> list[str]:
    return [probe.line for probe in plan(found, dialled, api=API, nodes=[NODE])]


def test_an_empty_policy_is_tried_with_every_canary() -> None:
    names = {line.split()[-1] for line in lines(policy(""))}
    assert names == set(CLUSTER_CANARIES)


def test_pods_are_tried_where_they_are_dialled() -> None:
    web = Dialled(
        name="web",
        protocol=Protocol.TCP,
        contacts=(Contact(IPv4Address("10.43.0.9"), 80), Contact(IPv6Address("fd00::9"), 80)),
        must_reach=True,
    )
    assert lines(policy("allow web shop/app=web 8080/tcp"), web)[:2] == [
        "reach tcp 10.43.0.9 80 web",
        "reach tcp fd00::9 80 web",
    ]


def test_pods_that_nothing_leads_to_are_listed() -> None:
    for port in ("http", "http(8080)"):
        assert lines(policy(f"forbid web shop/app=web 80,{port}/tcp"))[0] == (
            "block tcp shop/app=web 80,http web"
        )


def test_wide_blocks_and_blanket_rules_are_listed() -> None:
    found = lines(golden("blocks"))
    assert "reach any 203.0.113.10 all pangolin" in found
    assert "reach udp 10.0.7.0/24 554-560 cameras" in found
    assert "reach tcp 0.0.0.0/0 80,443 everything" in found


@pytest.mark.parametrize(
    ("allowed", "gone"),
    [
        ("ssh 10.0.1.11/32 22/tcp", "node-ssh"),
        ("kubelet 10.0.1.0/24 10000-11000/tcp", "node-kubelet"),
        ("resolver 9.9.9.9/32 53/udp", "foreign-resolver"),
    ],
)
def test_a_canary_that_is_allowed_is_not_expected_to_be_shut(allowed: str, gone: str) -> None:
    before, after = lines(policy("")), lines(policy(f"allow {allowed}"))
    missing = set(before) - set(after)
    assert len(missing) == 1
    assert gone in missing.pop()


def test_a_canary_that_the_user_forbids_is_tried_once_under_the_users_name() -> None:
    found = lines(policy("forbid api 10.43.0.1/32 443/tcp"))
    assert [line for line in found if "10.43.0.1 443" in line] == ["block tcp 10.43.0.1 443 api"]


def test_expectations_agree_with_decide() -> None:
    found = golden("k3s-home")
    for probe in plan(found, (), api=API, nodes=[NODE]):
        if not re.fullmatch(r"[0-9.]+", probe.address):
            continue
        connection = Connection(
            destination=ip_address(probe.address), protocol=probe.protocol, port=int(probe.port)
        )
        allowed = decide(found, connection).answer is Answer.ALLOWED
        assert allowed is probe.must_reach, probe.line


def test_a_contact_reads_as_one_dials_it() -> None:
    assert str(Contact(IPv4Address("10.43.0.10"), 9153)) == "10.43.0.10:9153"
    assert str(Contact(IPv6Address("fd00::a"), 9153)) == "[fd00::a]:9153"


def test_the_plan_is_one_line_of_five_words_per_probe_and_a_sixth_for_the_range_it_is_of() -> None:
    for probe in plan(golden("ports"), (), api=API, nodes=[NODE]):
        assert len(probe.line.split()) == (6 if probe.part_of else 5)


def test_what_is_forbidden_is_tried_at_the_ends_of_its_range_and_at_known_services() -> None:
    found = policy("allow web 10.0.8.5/32 80/tcp\nforbid lan 10.0.8.0/24 400-500/tcp")
    assert [line for line in lines(found) if " lan " in line] == [
        f"block tcp 10.0.8.{host} {port} lan 10.0.8.0/24:400-500"
        for host in (1, 5, 254)
        for port in (400, 443, 445, 500)
    ]
    six = lines(policy("forbid six fd00:8::/126 22/tcp"))
    assert [line.split()[2] for line in six if " six " in line] == ["fd00:8::", "fd00:8::3"]


def test_an_allowed_range_says_which_of_its_ports_was_tried() -> None:
    assert "reach tcp 10.0.1.9 8000 web 8000-8010" in lines(
        policy("allow web 10.0.1.9/32 8000-8010/tcp")
    )


def test_udp_that_was_sent_is_neither_proved_nor_wrong() -> None:
    table = (
        "RULE       DESTINATION    PORT       EXPECTED  VERDICT             EVIDENCE\n"
        "pangolin   203.0.113.10   51820/udp  reach     sent, not provable  no answer in 2 s\n"
    )
    (row,) = parse(table)
    assert row.verdict is ProbeVerdict.SENT
    assert summary((row,)) == "1 as expected, 0 wrong"


# enforcers


def test_what_enforcers_cannot_stop_is_said_in_sentences() -> None:
    assert all(limit.text[0].isupper() and limit.text.endswith(".") for limit in LIMITS)
    assert {limit.enforcer for limit in LIMITS} == {
        enforcers.KUBE_ROUTER,
        enforcers.CILIUM,
        enforcers.KUBE_NETWORK_POLICIES,
        enforcers.ANY_ENFORCER,
        enforcers.NO_ENFORCER,
    }
    assert str(LIMITS[0]).startswith("no enforcer: Policies are accepted and do nothing")
