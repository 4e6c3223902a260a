"""`newt-is-confined`: on the recorded program, on parts of it that went missing, and on a newt that
somebody wrote by hand.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.components.recording import UNKNOWN
from tests.unit.policies.judging import (
    Data,
    after,
    changed,
    container,
    deployment,
    findings,
    network_policy,
    release,
)
from tests.unit.policies.recorder import NAMES, recorded

RULE = "newt-is-confined"
RULES = "newt-tunnel-firewall-rules"
CONTAINER = "newt-tunnel-newt-container"
RELEASE = "newt-tunnel-newt-release"
CAGES = ("newt-tunnel-egress-policy", "newt-tunnel-egress-deny")
TO_GITEA = {"to": [{"ipBlock": {"cidr": "10.0.1.50/32"}}], "ports": [{"port": 3000}]}


def without(data: Data, *names: str) -> Data:
    """As if these had never been declared."""
    gone = {one["urn"] for one in data if one["name"] in names}
    return [
        one | {"needs": [urn for urn in one["needs"] if urn not in gone]}
        for one in data
        if one["urn"] not in gone
    ]


def not_needed(data: Data, *names: str) -> Data:
    """As if nothing depended on these, directly or by way of others."""
    gone = {one["urn"] for one in data if one["name"] in names}
    return [one | {"needs": [urn for urn in one["needs"] if urn not in gone]} for one in data]


@pytest.mark.parametrize("name", NAMES)
def test_the_program_confines_newt_first(name: str) -> None:
    assert findings(RULE, recorded(name)) == []


@pytest.mark.parametrize("name", ["nas-preview", "nas-update"])
def test_a_container_without_the_firewall_is_named_with_what_to_do(name: str) -> None:
    (line,) = findings(RULE, without(recorded(name), RULES))
    assert line.startswith(f"{CONTAINER}: dependsOn: no firewall of newt-tunnel: ")
    assert "let the container depend on an EgressFirewall" in line


@pytest.mark.parametrize("name", ["nas-preview", "nas-update"])
def test_a_firewall_beside_the_container_is_not_before_it(name: str) -> None:
    (line,) = findings(RULE, not_needed(recorded(name), RULES))
    assert line.startswith(f"{CONTAINER}: dependsOn: not {RULES}: the firewall comes before newt")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ipv4Address", "172.30.0.77"),
        ("name", "bridge"),
        ("ipv4Address", ""),
    ],
)
def test_a_container_that_the_firewall_does_not_guard_is_found(key: str, value: str) -> None:
    def move(properties: dict[str, Any]) -> None:
        properties["networksAdvanced"][0][key] = value

    (line,) = findings(RULE, changed("nas-update", CONTAINER, move))
    assert line.startswith(f"{CONTAINER}: networksAdvanced: ")
    assert f"{RULES} guards 172.30.0.10 on network newt" in line


def test_a_second_network_is_outside_the_cage() -> None:
    def add(properties: dict[str, Any]) -> None:
        properties["networksAdvanced"].append({"name": "lan"})

    (line,) = findings(RULE, changed("nas-update", CONTAINER, add))
    assert "lan (any address)" in line


@pytest.mark.parametrize("what", ["networksAdvanced", "image"])
def test_what_a_preview_does_not_know_is_no_violation(what: str) -> None:
    data = changed("nas-preview", CONTAINER, lambda found: found.update({what: UNKNOWN}))
    assert findings(RULE, data) == []


@pytest.mark.parametrize("script", ["create", "stdin"])
def test_a_command_that_is_not_the_firewall_is_none(script: str) -> None:
    data = changed("nas-update", RULES, lambda found: found.update({script: "true"}))
    assert len(findings(RULE, data)) == 1


def test_a_container_by_hand_is_found_by_its_image_and_by_its_variables() -> None:
    variable = {"image": UNKNOWN, "envs": ["PANGOLIN_ENDPOINT=https://pangolin.example.com"]}
    for newt in (
        container(),
        container(image="registry.lan:5000/mirror/newt@sha256:" + 64 * "0"),
        container(image="fosrl/pangolin-cli:1.0.0"),
        container(**variable),
    ):
        (line,) = findings(RULE, [newt])
        assert line.startswith("bare: dependsOn: no firewall of newt-tunnel")


def test_a_container_of_something_else_and_one_without_a_network_need_no_cage() -> None:
    assert findings(RULE, [container(image="jellyfin/jellyfin:10")]) == []
    assert findings(RULE, [container(image="example/newt-exporter:1")]) == []
    assert findings(RULE, [container(networkMode="none")]) == []


@pytest.mark.parametrize("name", ["k3s-home-preview", "k3s-home-update"])
def test_a_release_without_a_policy_is_named_with_what_to_do(name: str) -> None:
    (line,) = findings(RULE, without(recorded(name), *CAGES))
    assert line.startswith(f"{RELEASE}: dependsOn: no NetworkPolicy for newt-tunnel/")
    assert "app.kubernetes.io/instance=newt,newt.instance=newt: " in line
    assert "policyTypes [Egress]" in line


@pytest.mark.parametrize("name", ["k3s-home-preview", "k3s-home-update"])
def test_a_policy_beside_the_release_is_not_before_it(name: str) -> None:
    (line,) = findings(RULE, not_needed(recorded(name), *CAGES))
    assert line.startswith(f"{RELEASE}: dependsOn: not {CAGES[1]}: ")
    assert f"depends_on=[{CAGES[1]}]" in line


def test_the_proof_before_newt_is_no_newt_though_it_runs_newts_image() -> None:
    data = without(recorded("k3s-home-update"), *CAGES, RELEASE)
    assert findings(RULE, data) == []


@pytest.mark.parametrize("newt", [deployment(), release()])
def test_a_newt_by_hand_without_a_policy_is_found(newt: dict[str, Any]) -> None:
    assert len(findings(RULE, [newt])) == 1


@pytest.mark.parametrize("newt", [deployment(), release()])
def test_a_newt_by_hand_after_its_policy_is_confined(newt: dict[str, Any]) -> None:
    assert findings(RULE, after(newt, network_policy(egress=[TO_GITEA]))) == []


@pytest.mark.parametrize(
    "spec",
    [
        {"policyTypes": ["Ingress"]},
        {"policyTypes": []},
        {"selector": {"matchLabels": {"app": "other"}}},
        {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["x"]}]}},
        {"selector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}},
        {"selector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}},
        {
            "selector": {
                "matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["newt"]}]
            }
        },
    ],
)
def test_a_policy_that_does_not_limit_these_pods_is_no_cage(spec: dict[str, Any]) -> None:
    assert len(findings(RULE, after(deployment(), network_policy(**spec)))) == 1


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"app": "newt"}},
        {"matchLabels": {"app": UNKNOWN}},
        {"matchExpressions": [{"key": "app", "operator": "In", "values": ["newt", "x"]}]},
        {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
        {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]},
        {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]},
    ],
)
def test_a_policy_may_select_newt_in_every_way_that_there_is(selector: dict[str, Any]) -> None:
    assert findings(RULE, after(deployment(), network_policy(selector=selector))) == []


def test_a_policy_of_another_namespace_is_no_cage() -> None:
    cage = network_policy()
    cage["outputs"]["metadata"]["namespace"] = "default"
    assert len(findings(RULE, after(deployment(), cage))) == 1


def test_a_policy_that_allows_everything_undoes_the_others() -> None:
    data = after(deployment(), network_policy(egress=[TO_GITEA, {}]))
    (line,) = findings(RULE, data)
    assert line.startswith("cage: spec.egress[1]: no `to` and no `ports`: allows everything")


def test_an_instance_of_the_chart_that_no_policy_selects_is_named() -> None:
    instances = [{"name": "main", "enabled": True}, {"name": "second", "enabled": True}]
    newt = release(values={"newtInstances": [*instances, {"name": "off", "enabled": False}]})
    cage = network_policy(selector={"matchLabels": {"newt.instance": "main"}})
    (line,) = findings(RULE, after(newt, cage))
    assert "no NetworkPolicy for newt/" in line
    assert "newt.instance=second: " in line
