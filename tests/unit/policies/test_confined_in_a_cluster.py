"""`newt-is-confined` and `confinement-is-known` in a cluster: a policy counts only for the newt
whose pods it selects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.components.recording import UNKNOWN
from tests.unit.policies.judging import (
    Data,
    after,
    by_hand,
    changed,
    deployment,
    findings,
    made_by,
    named,
    network_policy,
    provider,
    release,
)
from tests.unit.policies.recorder import recorded
from tests.unit.policies.test_confined import CAGES, RELEASE, RULE, without

KNOWN = "confinement-is-known"
POLICY, DENY = CAGES
CLUSTER = "newt-tunnel-cluster"
EVERYTHING: dict[str, Any] = {}


def cage(**selector: Any) -> dict[str, Any]:
    return network_policy(selector=selector)


def expression(key: str, operator: str, *values: object) -> dict[str, Any]:
    written = {"key": key, "operator": operator}
    return {"matchExpressions": [written | ({"values": [*values]} if values else {})]}


# Labels


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"app": "postgres"}},
        {"matchLabels": {"newt.instance": "other"}},
        {"matchLabels": {"newt.instance": "main", "app": "postgres"}},
        {"matchLabels": {"app.kubernetes.io/instance": "other"}},
        expression("app", "In", "postgres"),
        expression("app", "Exists"),
        expression("newt.instance", "NotIn", "main"),
        expression("newt.instance", "DoesNotExist"),
        # Pods of the chart may have labels that are not known here.
        expression("tier", "NotIn", "backend"),
        expression("tier", "DoesNotExist"),
        expression("newt.instance", "Matches", "main"),
    ],
)
def test_a_policy_for_other_pods_is_no_cage_for_the_chart(selector: dict[str, Any]) -> None:
    (line,) = findings(RULE, after(release(name="home"), cage(**selector)))
    assert line.startswith("bare: dependsOn: no NetworkPolicy for newt/")


@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"matchLabels": {"newt.instance": "main"}},
        {"matchLabels": {"app.kubernetes.io/instance": "home"}},
        {"matchLabels": {"app.kubernetes.io/component": "newt", "tier": "edge"}},
        {"matchLabels": {"team": "infra"}},
        expression("newt.instance", "In", "main", "second"),
        expression("newt.instance", "Exists"),
        expression("newt.instance", "NotIn", "second"),
    ],
)
def test_a_policy_selects_the_charts_pods_by_the_labels_that_the_chart_gives(
    selector: dict[str, Any],
) -> None:
    values = {
        "newtInstances": [{"name": "main", "enabled": True}],
        "global": {"podLabels": {"tier": "edge"}, "additionalLabels": {"team": "infra"}},
    }
    assert findings(RULE, after(release(name="home", values=values), cage(**selector))) == []


def test_a_patch_of_newt_is_confined_by_labels_that_it_gives_and_by_a_policy_for_all() -> None:
    newt = deployment() | {"type": "kubernetes:apps/v1:DeploymentPatch"}
    assert findings(RULE, after(newt, cage(matchLabels={"app": "newt"}))) == []
    assert findings(RULE, after(newt, cage())) == []
    assert len(findings(RULE, after(newt, cage(matchLabels={"tier": "edge"})))) == 1


@pytest.mark.parametrize("gone", CAGES)
def test_newts_own_policy_or_the_deny_is_a_cage_without_the_other(gone: str) -> None:
    assert findings(RULE, without(recorded("k3s-home-update"), gone)) == []


def test_an_instance_with_another_label_has_the_deny_alone() -> None:
    def rename(properties: dict[str, Any]) -> None:
        properties["values"]["newtInstances"][0]["name"] = "other"

    data = changed("k3s-home-update", RELEASE, rename)
    assert findings(RULE, data) == []
    (line,) = findings(RULE, without(data, DENY))
    assert "newt.instance=other: nothing limits what newt reaches" in line


@pytest.mark.parametrize("types", [["Ingress"], "Ingress"])
@pytest.mark.parametrize("name", ["k3s-home-preview", "k3s-home-update"])
def test_policies_without_egress_among_their_types_limit_nothing(name: str, types: Any) -> None:
    data = recorded(name)
    for policy in CAGES:
        for key in ("inputs", "outputs"):
            named(data, policy)[key]["spec"]["policyTypes"] = types
    (line,) = findings(RULE, data)
    assert line.startswith(f"{RELEASE}: dependsOn: no NetworkPolicy for ")


# Namespace and cluster


@pytest.mark.parametrize("name", ["k3s-home-preview", "k3s-home-update"])
def test_policies_of_another_namespace_are_no_cage(name: str) -> None:
    data = changed(name, RELEASE, lambda found: found.update(namespace="other"))
    (line,) = findings(RULE, data)
    assert line.startswith(f"{RELEASE}: dependsOn: no NetworkPolicy for other/")


@pytest.mark.parametrize(
    ("policys", "newts"),
    [
        ({"context": "a"}, {"context": "b"}),
        ({"kubeconfig": "a"}, {"kubeconfig": "b"}),
        ({"kubeconfig": "a"}, {}),
        ({"cluster": "a"}, {"context": "a"}),
        ({"renderYamlToDirectory": "manifests"}, {}),
    ],
)
def test_a_policy_in_another_cluster_is_no_cage(
    policys: dict[str, str], newts: dict[str, str]
) -> None:
    one = provider("kubernetes", "one", **policys)
    other = provider("kubernetes", "other", **newts)
    for newt in (deployment(), release()):
        data = after(made_by(newt, other), made_by(network_policy(), one))
        assert len(findings(RULE, [*data, one, other])) == 1
        assert len(findings(RULE, [*after(newt, made_by(network_policy(), one)), one])) == 1


def test_the_recorded_release_in_another_cluster_is_found() -> None:
    data = recorded("k3s-home-update")
    other = provider("kubernetes", "other", context="other")
    data = [made_by(one, other) if one["name"] == RELEASE else one for one in data]
    (line,) = findings(RULE, [*data, other])
    assert line.startswith(f"{RELEASE}: dependsOn: no NetworkPolicy for newt-tunnel/")


def test_two_providers_of_one_cluster_are_one_cluster() -> None:
    one = provider("kubernetes", "one", context="a", namespace="newt")
    other = provider("kubernetes", "other", context="a")
    policy = network_policy()
    del policy["outputs"]["metadata"]["namespace"]
    data = after(made_by(deployment(), other), made_by(policy, one))
    assert findings(RULE, [*data, one, other]) == [], "and a provider may name the namespace"


# Openers


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"to": [], "ports": []},
        {"ports": [{"protocol": "TCP"}]},
        {"ports": [{"port": 53, "protocol": "UDP"}, {"protocol": "TCP"}]},
    ],
)
def test_a_rule_to_everywhere_at_every_port_undoes_the_cage(rule: dict[str, Any]) -> None:
    opener = network_policy(egress=[rule]) | {"name": "opener", "urn": "opener"}
    for newt in (deployment(), release()):
        (line,) = findings(RULE, [*after(newt, network_policy()), opener])
        assert line.startswith("opener: spec.egress[0]: no `to`")


def test_a_policy_that_may_select_newt_must_not_allow_everything() -> None:
    maybe = network_policy(egress=[EVERYTHING], selector={"matchLabels": {"tier": "edge"}})
    maybe |= {"name": "maybe", "urn": "maybe"}
    (line,) = findings(RULE, [*after(release(), network_policy()), maybe])
    assert line.startswith("maybe: spec.egress[0]: ")
    assert findings(RULE, [*after(deployment(), network_policy()), maybe]) == []


def test_what_another_namespace_or_cluster_allows_is_not_newts() -> None:
    cluster = provider("kubernetes", "other", context="b")
    elsewhere = network_policy(egress=[EVERYTHING]) | {"urn": "elsewhere"}
    other_namespace = network_policy(egress=[EVERYTHING]) | {"urn": "namespace"}
    other_namespace["outputs"]["metadata"]["namespace"] = "default"
    caged = after(deployment(), network_policy())
    assert findings(RULE, [*caged, made_by(elsewhere, cluster), cluster]) == []
    assert findings(RULE, [*caged, other_namespace]) == []


def patch(name: str, **spec: Any) -> dict[str, Any]:
    return by_hand(
        "kubernetes:networking.k8s.io/v1:NetworkPolicyPatch",
        {"metadata": {"name": name, "namespace": "newt-tunnel"}, "spec": spec},
        name="patch",
    )


def in_the_cluster(one: dict[str, Any]) -> Data:
    data = recorded("k3s-home-update")
    return [*data, made_by(one, named(data, CLUSTER))]


@pytest.mark.parametrize(
    "one",
    [
        patch("newt-tunnel-netpol", egress=[EVERYTHING]),
        patch("newt-tunnel-netpol", egress=[{"to": [{"ipBlock": {"cidr": "10.0.1.60/32"}}]}]),
        patch("newt-tunnel-netpol", policyTypes=["Ingress"]),
        patch("newt-tunnel-netpol", podSelector={"matchLabels": {"app": "other"}}),
        patch("newt-tunnel-deny", egress=[EVERYTHING]),
        patch(UNKNOWN, egress=[EVERYTHING]),
        # Of a policy that the stack does not show.
        patch("elsewhere", egress=[EVERYTHING]),
        patch("elsewhere", policyTypes=["Ingress"]),
    ],
)
def test_a_patch_of_newts_policy_is_found(one: dict[str, Any]) -> None:
    (line,) = findings(RULE, in_the_cluster(one))
    assert line.startswith("patch: spec: ")
    assert "may reach, outside the policy itself: write it there" in line


@pytest.mark.parametrize(
    "one",
    [
        patch("newt-tunnel-netpol") | {"provider": "another cluster's"},
        by_hand(
            "kubernetes:networking.k8s.io/v1:NetworkPolicyPatch",
            {"metadata": {"name": "newt-tunnel-netpol", "namespace": "newt-tunnel", "labels": {}}},
        ),
        by_hand(
            "kubernetes:networking.k8s.io/v1:NetworkPolicyPatch",
            {
                "metadata": {"name": "newt-tunnel-netpol", "namespace": "other"},
                "spec": {"egress": [EVERYTHING]},
            },
        ),
        patch("elsewhere", egress=[{"ports": [{"port": 53}]}]),
        patch(
            "elsewhere", egress=[EVERYTHING], podSelector={"matchLabels": {"newt.instance": "x"}}
        ),
    ],
)
def test_a_patch_of_something_else_is_left_alone(one: dict[str, Any]) -> None:
    data = recorded("k3s-home-update")
    if not one["provider"]:
        one = made_by(one, named(data, CLUSTER))
    assert findings(RULE, [*data, one | {"provider": one["provider"]}]) == []


# The chart's own policy


def in_values(**values: Any) -> Callable[[dict[str, Any]], object]:
    def change(properties: dict[str, Any]) -> None:
        given = properties["values"]
        for key, value in values.items():
            (given["newtInstances"][0] if key == "instance" else given["global"]).update(value)

    return change


OWN = {"networkPolicy": {"enabled": True}}
INSTANCES_OWN = "values.newtInstances[0].networkPolicy.enabled"


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"instance": OWN}, INSTANCES_OWN),
        ({"global": OWN, "instance": OWN}, INSTANCES_OWN),
        ({"global": OWN, "instance": {"networkPolicy": {}}}, "values.global.networkPolicy.enabled"),
        ({"instance": {"networkPolicy": {"enabled": "false"}}}, INSTANCES_OWN),
    ],
)
@pytest.mark.parametrize("name", ["k3s-home-preview", "k3s-home-update"])
def test_the_recorded_release_with_the_charts_own_policy_is_found(
    name: str, values: dict[str, Any], place: str
) -> None:
    (line,) = findings(RULE, changed(name, RELEASE, in_values(**values)))
    assert line.startswith(f"{RELEASE}: {place}: ")
    assert "the chart's own policy adds to what newt may reach: turn it off" in line


def test_the_charts_global_policy_is_not_rendered_where_the_instance_says_no() -> None:
    off = {"networkPolicy": {"enabled": False}}
    data = changed("k3s-home-update", RELEASE, in_values(**{"global": OWN, "instance": off}))
    assert findings(RULE, data) == []


# What a preview does not know


@pytest.mark.parametrize(
    ("newt", "policy"),
    [
        (deployment(), network_policy(policyTypes=UNKNOWN)),
        (deployment(), network_policy(policyTypes=["Ingress", UNKNOWN])),
        (deployment(), network_policy(selector=UNKNOWN)),
        (deployment(), cage(matchLabels=UNKNOWN)),
        (deployment(), cage(matchLabels={"app": UNKNOWN})),
        (deployment(), cage(matchExpressions=UNKNOWN)),
        (deployment(), cage(**expression("app", "In", UNKNOWN))),
        (deployment(), cage(**expression(UNKNOWN, "Exists"))),
        (release(namespace=UNKNOWN), network_policy()),
        (
            release(values={"newtInstances": [{"name": UNKNOWN}]}),
            cage(matchLabels={"newt.instance": "a"}),
        ),
    ],
)
def test_what_a_preview_does_not_know_of_a_policy_is_said(
    newt: dict[str, Any], policy: dict[str, Any]
) -> None:
    data = after(newt, policy)
    assert findings(RULE, data) == []
    (line,) = findings(KNOWN, data)
    assert line.startswith("bare: dependsOn: cage: is not known before the update")


def test_labels_of_pods_that_are_not_known_are_said() -> None:
    newt = deployment()
    newt["outputs"]["spec"]["template"]["metadata"]["labels"] = UNKNOWN
    data = after(newt, cage(matchLabels={"app": "newt"}))
    assert findings(RULE, data) == []
    assert len(findings(KNOWN, data)) == 1


def test_a_namespace_that_only_the_kubeconfig_knows_is_said() -> None:
    policy = network_policy()
    policy["outputs"]["metadata"]["namespace"] = "default"
    data = after(release(namespace=None), policy)
    assert findings(RULE, data) == []
    assert len(findings(KNOWN, data)) == 1
    assert len(findings(RULE, after(release(namespace=None), network_policy()))) == 1, "not `newt`"


@pytest.mark.parametrize(
    "opener",
    [
        network_policy(egress=UNKNOWN),
        network_policy(egress=[UNKNOWN]),
        network_policy(egress=[{"to": UNKNOWN}]),
        network_policy(egress=[{"ports": UNKNOWN}]),
        network_policy(egress=[EVERYTHING], selector=UNKNOWN),
    ],
)
def test_what_may_turn_out_to_allow_everything_is_said(opener: dict[str, Any]) -> None:
    data = [*after(deployment(), network_policy()), opener | {"urn": "o", "name": "opener"}]
    assert findings(RULE, data) == []
    (line,) = findings(KNOWN, data)
    assert line.startswith("bare: what opener allows: is not known before the update")


def test_a_policy_that_certainly_confines_newt_ends_the_doubt_about_others() -> None:
    doubtful = network_policy(selector=UNKNOWN) | {"urn": "doubtful", "name": "doubtful"}
    assert findings(KNOWN, [*after(deployment(), network_policy()), doubtful]) == []


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"values": UNKNOWN}, "values"),
        (
            {"values": {"global": {"nativeMode": UNKNOWN}, "newtInstances": []}},
            "values.global.nativeMode.enabled",
        ),
        (
            {"values": {"newtInstances": [{"name": "a", "useNativeInterface": UNKNOWN}]}},
            "values.newtInstances[0].useNativeInterface",
        ),
        (
            {"values": {"newtInstances": [{"name": "a", "networkPolicy": UNKNOWN}]}},
            "values.newtInstances[0].networkPolicy.enabled",
        ),
        ({"valueYamlFiles": [{"path": "values.yaml"}]}, "valueYamlFiles"),
        ({"postrender": "./change"}, "postrender"),
    ],
)
def test_values_that_the_pack_does_not_see_are_said(given: dict[str, Any], place: str) -> None:
    lines = findings(KNOWN, after(release(**given), network_policy()))
    assert any(line.startswith(f"bare: {place}: is not known") for line in lines), lines
