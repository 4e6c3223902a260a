"""Objects that are not ours, and access that we did not give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from newt_tunnel.cluster import OWNER, Owned, changed_by_hand, existing_objects, foreign_access
from newt_tunnel.cluster.reading.snapshot import Namespace, NetworkPolicy, Snapshot
from newt_tunnel.egress.network_policy import annotations_of, deny_all, newt_policy
from newt_tunnel.egress.network_policy import rendered as remembered
from tests.unit.cluster.home import HOME, looked_up

NAME = "newt-tunnel-netpol"
LABELS = {"newt.instance": "newt", "app.kubernetes.io/component": "newt"}
OURS = "newt-tunnel/k3s-home"
EXPECTED = (
    Owned(kind="Namespace", name="newt-tunnel", resource="newt-tunnel-namespace"),
    Owned(kind="NetworkPolicy", name=NAME, resource="newt-tunnel-netpol"),
)


def found(*policies: NetworkPolicy, namespace: Mapping[str, str] | None = None) -> Snapshot:
    own = () if namespace is None else (Namespace(name="newt-tunnel", annotations=namespace),)
    return replace(HOME, namespaces=(*HOME.namespaces, *own), policies=policies)


def live(
    spec: dict[str, Any], name: str = NAME, annotations: Mapping[str, str] | None = None
) -> NetworkPolicy:
    return NetworkPolicy(
        namespace="newt-tunnel", name=name, spec=spec, annotations=annotations or {}
    )


def rendered(**changes: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Our policy as the API server gives it back, with what is written on it."""
    policy = looked_up(None, None, **changes).policy
    assert policy is not None
    return newt_policy(policy, "newt"), annotations_of(policy, "newt")


def warnings(*policies: NetworkPolicy, now: Mapping[str, Any] | None = None) -> list[str]:
    """``now`` is what the stack file renders by now, if it was changed."""
    spec = now if now is not None else rendered()[0]
    own = {NAME: spec, "newt-tunnel-deny": deny_all()}
    snapshot = found(*policies)
    lines = (*changed_by_hand(snapshot, own), *foreign_access(snapshot, LABELS, own))
    return [str(line) for line in lines]


# objects that exist


def test_nothing_is_said_of_what_is_not_there_or_ours() -> None:
    owner = {OWNER: OURS}
    assert existing_objects(found(), "newt-tunnel", EXPECTED, OURS) == ()
    ours = found(live(deny_all(), annotations=owner), namespace=owner)
    assert existing_objects(ours, "newt-tunnel", EXPECTED, OURS) == ()


def test_what_is_there_already_is_an_error_with_the_commands_that_take_it_over() -> None:
    there = found(live(deny_all()), namespace={"a": "b"})
    namespace, policy = map(str, existing_objects(there, "newt-tunnel", EXPECTED, OURS))
    assert (
        "kubectl --context k3s-home annotate namespace newt-tunnel newt-tunnel/owner=newt-tunnel/"
        "k3s-home && pulumi import kubernetes:core/v1:Namespace newt-tunnel-namespace newt-tunnel "
    ) in namespace
    assert (
        "kubectl --context k3s-home --namespace newt-tunnel annotate networkpolicy "
        f"{NAME} newt-tunnel/owner=newt-tunnel/k3s-home && pulumi import "
        f"kubernetes:networking.k8s.io/v1:NetworkPolicy {NAME} newt-tunnel/{NAME} "
    ) in policy


def test_without_a_context_the_commands_name_none() -> None:
    there = replace(found(namespace={}), context=None)
    (line,) = map(str, existing_objects(there, "newt-tunnel", EXPECTED, OURS))
    assert "take it over: kubectl annotate namespace" in line


def test_what_belongs_to_another_stack_is_not_to_be_taken_over() -> None:
    there = found(namespace={OWNER: "newt-tunnel/office"})
    (line,) = map(str, existing_objects(there, "newt-tunnel", EXPECTED, OURS))
    assert "belongs to the stack newt-tunnel/office" in line
    assert "import" not in line


# access that we did not give


def test_our_policy_as_it_was_rendered_needs_no_word() -> None:
    spec, annotations = rendered()
    assert warnings(live(spec, annotations=annotations)) == []
    assert warnings(live(spec | {"ingress": []}, annotations=annotations)) == [], (
        "the API server writes an empty list or none"
    )


def test_a_changed_stack_file_is_not_mistaken_for_a_change_by_hand() -> None:
    spec, annotations = rendered(dns="any")
    assert warnings(live(spec, annotations=annotations)) == []


OURS_SELECTED = "for pods newt.instance=newt (Ingress, Egress)"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda spec: spec["egress"].append({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}),
            "added: egress to 0.0.0.0/0 all ports; remove",
        ),
        (
            lambda spec: spec["egress"].append({}),
            "added: egress to everywhere all ports; remove",
        ),
        (
            lambda spec: spec["egress"][0]["to"].append({"podSelector": {}}),
            "added: egress to (own namespace)/* 53/udp, egress to (own namespace)/* 53/tcp; remove",
        ),
        (
            lambda spec: spec["egress"][0]["ports"].append({"protocol": "TCP", "port": 22}),
            "added: egress to kube-system/k8s-app=kube-dns 22/tcp; remove",
        ),
        (
            lambda spec: spec["egress"].pop(),
            "missing: egress to 10.0.1.200/32 631/tcp; remove",
        ),
        (
            lambda spec: spec["egress"][-1]["ports"][0].update(port=9100),
            "added: egress to 10.0.1.200/32 9100/tcp; "
            "missing: egress to 10.0.1.200/32 631/tcp; remove",
        ),
        (
            lambda spec: spec.update(podSelector={}),
            f"added: for pods * (Ingress, Egress); missing: {OURS_SELECTED}; remove",
        ),
        (
            lambda spec: spec.update(ingress=[{}]),
            "added: ingress from everywhere all ports; remove",
        ),
        (
            lambda spec: spec.update(policyTypes=["Ingress"]),
            f"added: for pods newt.instance=newt (Ingress); missing: {OURS_SELECTED}; remove",
        ),
    ],
)
def test_what_was_changed_in_our_policy_by_hand_is_told_exactly(change: Any, told: str) -> None:
    spec, annotations = rendered()
    change(spec)
    (line,) = warnings(live(spec, annotations=annotations))
    assert line.startswith(f"NetworkPolicy {NAME}: was changed by hand")
    assert told in line
    assert f"--namespace newt-tunnel delete networkpolicy {NAME} && pulumi up --refresh" in line


def test_a_change_by_hand_is_told_from_one_of_the_stack_file_in_the_same_preview() -> None:
    spec, annotations = rendered()
    spec["egress"][-1] = {"to": [{"ipBlock": {"cidr": "10.0.1.9/32"}}]}
    now, _ = rendered()
    now["egress"][-1] = {"to": [{"ipBlock": {"cidr": "10.0.1.201/32"}}]}
    (line,) = warnings(live(spec, annotations=annotations), now=now)
    assert "added: egress to 10.0.1.9/32 all ports; missing of an earlier stack file: 1; " in line
    assert "10.0.1.201" not in line, "what is still to come is not missing"


def test_whatever_is_opened_in_the_deny_is_found() -> None:
    spec = {**deny_all(), "egress": [{}]}
    for written in (remembered(deny_all()), {}):
        (line,) = warnings(live(spec, "newt-tunnel-deny", written))
        assert "newt-tunnel-deny: was changed by hand" in line
        assert "added: egress to everywhere all ports; " in line


def test_a_policy_that_remembers_nothing_is_compared_with_the_stack_file() -> None:
    spec, _ = rendered()
    assert warnings(live(spec)) == []
    spec["egress"].append({})
    (line,) = warnings(live(spec))
    assert "added: egress to everywhere all ports; remove" in line


def test_the_warning_stays_short_however_much_was_changed() -> None:
    spec, annotations = rendered()
    labels = {f"label-{number}": "x" * 63 for number in range(30)}
    spec["egress"] = [
        {"to": [{"podSelector": {"matchLabels": {"a": str(number), **labels}}}]}
        for number in range(100)
    ]
    spec["ingress"] = 100 * [{}]
    (line,) = warnings(live(spec, annotations=annotations))
    assert len(line) < 3000
    assert "and 95 more" in line, "a hundred that go out and one that comes in, six of them shown"


@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"matchLabels": {"newt.instance": "newt"}},
        {"matchExpressions": [{"key": "newt.instance", "operator": "Exists"}]},
        {"matchExpressions": [{"key": "newt.instance", "operator": "In", "values": ["newt"]}]},
        {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["newt"]}]},
        {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
        {"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]},
    ],
)
def test_a_foreign_policy_that_selects_newt_is_found(selector: dict[str, Any]) -> None:
    spec = {"podSelector": selector, "policyTypes": ["Egress"], "egress": [{}]}
    (line,) = warnings(live(spec, "allow-all"))
    assert line.startswith("NetworkPolicy allow-all: is not of this program and selects newt's")
    assert "egress to everywhere all ports" in line
    assert "delete networkpolicy allow-all" in line


@pytest.mark.parametrize(
    "spec",
    [
        {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        {"podSelector": {"matchLabels": {"app": "else"}}, "egress": [{}]},
        {
            "podSelector": {
                "matchExpressions": [{"key": "newt.instance", "operator": "DoesNotExist"}]
            },
            "egress": [{}],
        },
    ],
)
def test_a_foreign_policy_that_gives_newt_nothing_is_left_alone(spec: dict[str, Any]) -> None:
    assert warnings(live(spec, "other")) == []
