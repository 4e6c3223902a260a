"""What a NetworkPolicy's spec says, in words, and by what two of them are told apart."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from newt_tunnel.egress.network_policy import deny_all, newt_policy
from newt_tunnel.egress.policy_statements import opened, statements
from tests.unit.egress.cluster_cases import golden

WEB = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}
HTTP = {"protocol": "TCP", "port": 80}


def said(**spec: Any) -> list[str]:
    return [one.text for one in opened(spec)]


def test_our_own_policy_reads_as_its_annotations_do() -> None:
    assert [one.text for one in statements(newt_policy(golden("ports"), "newt"))] == [
        "for pods newt.instance=newt (Ingress, Egress)",
        "egress to shop/app=web,tier=front 80/tcp",
        "egress to shop/app=web,tier=front 8000-8010/tcp",
        "egress to shop/app=web,tier=front http/tcp",
        "egress to shop/app=web,tier=front 9000/tcp",
        "egress to shop/app=web,tier=front 9001/tcp",
        "egress to shop/* 8443/tcp",
        "egress to shop/* 53/udp",
        "egress to 10.0.1.7/32 8096/tcp",
        "egress to 10.0.1.8/32 8096/tcp",
        "egress to 10.0.1.9/32 8920/tcp",
    ]


def test_the_deny_opens_nothing() -> None:
    (only,) = statements(deny_all())
    assert only.text == "for pods * (Ingress, Egress)"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({}, "egress to everywhere all ports"),
        ({"to": []}, "egress to everywhere all ports"),
        ({"ports": [HTTP]}, "egress to everywhere 80/tcp"),
        ({"to": [WEB], "ports": [{"protocol": "UDP"}]}, "egress to shop/* all/udp"),
        ({"to": [WEB], "ports": [{"port": "http"}]}, "egress to shop/* http/tcp"),
        ({"to": [{"podSelector": {}}]}, "egress to (own namespace)/* all ports"),
        ({"to": [{"namespaceSelector": {}}]}, "egress to */* all ports"),
        (
            {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "fd00::/8"]}}]},
            "egress to 0.0.0.0/0 except 10.0.0.0/8,fd00::/8 all ports",
        ),
        (
            {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {"team": "a", "env": "b"}},
                        "podSelector": {
                            "matchExpressions": [
                                {"key": "app", "operator": "In", "values": ["x", "y"]},
                                {"key": "old", "operator": "DoesNotExist"},
                                {"key": "tier", "operator": "Exists"},
                            ]
                        },
                    }
                ]
            },
            "egress to env=b,team=a/app in (x,y),!old,tier all ports",
        ),
    ],
)
def test_any_rule_can_be_said_in_words(rule: dict[str, Any], text: str) -> None:
    assert said(egress=[rule]) == [text]


def test_what_comes_in_is_told_from_what_goes_out() -> None:
    ingress = {"from": [WEB], "ports": [HTTP]}
    assert said(ingress=[ingress], egress=[{"to": [WEB]}]) == [
        "ingress from shop/* 80/tcp",
        "egress to shop/* all ports",
    ]
    assert said(ingress=[{"to": [WEB]}]) == ["ingress from everywhere all ports"]


def fingerprints(spec: dict[str, Any]) -> set[str]:
    return {one.fingerprint for one in statements(spec)}


@pytest.mark.parametrize("case", ["k3s-home", "blocks", "ports", "dns-any", "nothing"])
def test_no_two_statements_of_a_policy_have_one_fingerprint(case: str) -> None:
    spec = newt_policy(golden(case), "newt")
    assert len(fingerprints(spec)) == len(statements(spec))


def test_the_fingerprints_are_those_of_what_the_api_server_gives_back() -> None:
    spec = newt_policy(golden("k3s-home"), "newt")
    read_back = copy.deepcopy(spec) | {"ingress": []}
    assert fingerprints(read_back) == fingerprints(spec), "empty lists come and go"
    read_back["egress"].reverse()
    assert fingerprints(read_back) == fingerprints(spec), "policies have no order"
    nothing = newt_policy(golden("nothing"), "newt")
    without = {key: value for key, value in nothing.items() if key != "egress"}
    assert fingerprints(without) == fingerprints(nothing)


def test_one_more_peer_or_port_is_one_more_fingerprint() -> None:
    before: dict[str, Any] = {"egress": [{"to": [WEB], "ports": [HTTP]}]}
    for part, added in (("to", {"podSelector": {}}), ("ports", {"protocol": "TCP", "port": 22})):
        after = copy.deepcopy(before)
        after["egress"][0][part].append(added)
        assert fingerprints(before) < fingerprints(after)
