"""The advice that a reason silences: the real program with another stack file, with and without."""

from __future__ import annotations

from typing import Any

import pytest

from policies.rules import RULES, RuleLevel
from tests.unit.policies.judging import (
    Data,
    after,
    container,
    deployment,
    findings,
    network_policy,
    release,
)
from tests.unit.policies.recorder import as_data, run

REASON = "backups of the whole site"
LAN: dict[str, Any] = {"name": "lan", "cidr": "10.0.0.0/8", "port": 445}
#: Rule, stack, what makes it speak, and the same with a reason.
CASES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "a whole network on a Docker host": (
        "no-wide-target",
        "nas",
        {"egress": [{**LAN, "cidr": "192.168.0.0/16"}]},
        {"egress": [{**LAN, "cidr": "192.168.0.0/16", "reason": REASON}]},
    ),
    "every resolver on a Docker host": (
        "no-wide-target",
        "nas",
        {"dns": "any"},
        {"dns": "any", "reasons": {"dns": REASON}},
    ),
    "a whole network from a cluster": (
        "no-wide-target",
        "k3s-home",
        {"egress": [{**LAN, "wide": True}], "mustNotReach": []},
        {"egress": [{**LAN, "wide": True, "reason": REASON}], "mustNotReach": []},
    ),
    "every resolver from a cluster": (
        "no-wide-target",
        "k3s-home",
        {"dns": "any"},
        {"dns": "any", "reasons": {"dns": REASON}},
    ),
    "a whole namespace": (
        "no-whole-namespace",
        "k3s-home",
        {"egress": [{"name": "shop", "namespace": "shop", "port": 80}]},
        {"egress": [{"name": "shop", "namespace": "shop", "port": 80, "reason": REASON}]},
    ),
    "a capability": (
        "no-added-capability",
        "nas",
        {"newt": {"capabilities": ["NET_RAW"]}},
        {"newt": {"capabilities": ["NET_RAW"]}, "reasons": {"capabilities": REASON}},
    ),
    "no proof on a Docker host": (
        "proof-is-on",
        "nas",
        {"proof": "off"},
        {"proof": "off", "reasons": {"proof": REASON}},
    ),
    "no proof in a cluster": (
        "proof-is-on",
        "k3s-home",
        {"proof": "off"},
        {"proof": "off", "reasons": {"proof": REASON}},
    ),
    "no digest": (
        "image-has-digest",
        "nas",
        {"newt": {"image": "fosrl/newt:1.15.9"}},
        {"newt": {"image": "fosrl/newt:1.15.9"}, "reasons": {"image": REASON}},
    ),
}
CASE = pytest.mark.parametrize(
    ("rule", "stack", "written", "excused"), CASES.values(), ids=CASES.keys()
)


def test_every_advisory_rule_that_a_reason_silences_has_a_case() -> None:
    advisory = {rule.name for rule in RULES if rule.level is RuleLevel.ADVISORY}
    assert {rule for rule, *_ in CASES.values()} == advisory - {"confinement-is-known"}


@CASE
@pytest.mark.parametrize("preview", [True, False])
def test_an_advisory_rule_speaks_and_names_where_the_reason_goes(
    rule: str, stack: str, written: dict[str, Any], excused: dict[str, Any], preview: bool
) -> None:
    lines = findings(rule, as_data(run(stack, written, preview=preview)))
    assert lines, "nothing was found"
    place = next(iter(excused.get("reasons", {})), None)
    for line in lines:
        assert ("`reason:`" if place is None else f"reasons.{place}") in line, line


@CASE
def test_a_reason_silences_it_and_makes_nothing_run_again_or_anew(
    rule: str, stack: str, written: dict[str, Any], excused: dict[str, Any]
) -> None:
    data = as_data(run(stack, excused))
    assert findings(rule, data) == []
    without, given = (
        {one["name"]: one["inputs"] for one in found}
        for found in (as_data(run(stack, written)), data)
    )
    different = [name for name, inputs in given.items() if inputs != without[name]]
    # An annotation is changed in place, and in no pod.
    assert set(different) <= {"newt-tunnel-egress-policy"}, rule
    for name in different:
        assert given[name]["spec"] == without[name]["spec"]


def test_a_reason_for_one_thing_does_not_excuse_another() -> None:
    entries = [{**LAN, "reason": REASON}, {**LAN, "name": "other", "cidr": "192.168.0.0/16"}]
    reasons = {"dns": REASON, "image": REASON}
    data = as_data(run("nas", {"proof": "off", "reasons": reasons, "egress": entries}))
    assert len(findings("proof-is-on", data)) == 1
    (line,) = findings("no-wide-target", data)
    assert "other 192.168.0.0/16" in line


# By hand: there is no stack file to give a reason.


def caged(*egress: dict[str, Any]) -> Data:
    return after(deployment(), network_policy(egress=list(egress)))


@pytest.mark.parametrize(
    "block", ["0.0.0.0/0", "::/0", "10.0.0.0/8", "192.168.0.0/16", "2.0.0.0/7"]
)
def test_a_wide_block_in_a_policy_by_hand_is_found(block: str) -> None:
    (line,) = findings("no-wide-target", caged({"to": [{"ipBlock": {"cidr": block}}]}))
    assert line.startswith(f"cage: spec.egress[0].to[0]: {block}: ")


def test_ports_without_a_destination_are_open_everywhere() -> None:
    (line,) = findings("no-wide-target", caged({"ports": [{"port": 443}]}))
    assert line.startswith("cage: spec.egress[0].to: (missing): opens these ports everywhere")


@pytest.mark.parametrize(
    ("peer", "whose"),
    [
        ({"podSelector": {}}, "newt's own namespace"),
        ({"namespaceSelector": {}}, "the namespaces it selects"),
        ({"namespaceSelector": {}, "podSelector": {}}, "the namespaces it selects"),
        (
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
            "shop",
        ),
    ],
)
def test_a_whole_namespace_in_a_policy_by_hand_is_found(peer: dict[str, Any], whose: str) -> None:
    (line,) = findings("no-whole-namespace", caged({"to": [peer]}))
    assert line.startswith(f"cage: spec.egress[0].to[0]: every pod of {whose}: ")


def test_a_narrow_policy_and_one_that_is_not_newts_are_left_alone() -> None:
    shop = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "shop"}}}
    narrow = caged({"to": [shop, {"ipBlock": {"cidr": "10.0.1.0/24"}}], "ports": [{"port": 1}]})
    others = network_policy(
        egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}],
        selector={"matchLabels": {"app": "other"}},
    )
    for rule in ("no-wide-target", "no-whole-namespace"):
        assert findings(rule, [*narrow, others | {"urn": "other"}]) == []


@pytest.mark.parametrize(
    ("newt", "place"),
    [
        (container(capabilities={"adds": ["CAP_NET_ADMIN"]}), "capabilities.adds: CAP_NET_ADMIN"),
        (
            deployment(newt={"securityContext": {"capabilities": {"add": ["NET_RAW"]}}}),
            "spec.template.spec.containers[0].securityContext.capabilities.add: NET_RAW",
        ),
        (
            release(
                values={
                    "global": {"securityContext": {"capabilities": {"add": ["A", "B"]}}},
                    "newtInstances": [],
                }
            ),
            "values.global.securityContext.capabilities.add: A, B",
        ),
    ],
)
def test_a_capability_by_hand_is_found(newt: dict[str, Any], place: str) -> None:
    (line,) = findings("no-added-capability", [newt])
    assert line.startswith(f"bare: {place}: newt works without")
