"""A rename leaves no second policy that allows anything: policies add up.

What is called by the program keeps one name in its namespace, so that a second one cannot stand
beside the first; and only what allows nothing stays when its namespace is given up.
"""

from __future__ import annotations

from typing import Any

import pytest

from components import chart_values, cluster_look, kubernetes_tunnel
from tests.unit.components.k3s_home import DENY, NAMESPACE, POLICY, deploy, in_cluster
from tests.unit.components.recording import Recording, Resource

_POLICIES = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def places(recording: Recording) -> dict[tuple[str, str], bool]:
    """Namespace and name of each policy, and whether it allows anything."""
    found = [one for one in recording.resources if one.type == _POLICIES]
    places = {_place(one): bool(one.inputs["spec"].get("egress")) for one in found}
    assert len(places) == len(found) == 2
    return places


def _place(one: Resource) -> tuple[str, str]:
    metadata = one.inputs["metadata"]
    return metadata["namespace"], metadata["name"]


ALLOW = ("newt-tunnel", "newt-tunnel-netpol")


def test_there_is_one_policy_that_allows_anything(k3s_home: Recording) -> None:
    assert places(k3s_home) == {ALLOW: True, ("newt-tunnel", "newt-tunnel-deny"): False}


def test_another_name_in_pulumi_is_the_same_policy_in_the_cluster(k3s_home: Recording) -> None:
    assert places(deploy(name="renamed")) == places(k3s_home), (
        "an automatic name would put a second one beside the first"
    )


def test_another_instance_is_selected_by_the_same_policy(
    k3s_home: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (chart_values, cluster_look, kubernetes_tunnel):
        monkeypatch.setattr(module, "INSTANCE", "renamed")
    renamed = deploy()
    assert places(renamed) == places(k3s_home)
    before, after = (recording.named(POLICY) for recording in (k3s_home, renamed))
    assert after.urn == before.urn, "so it is changed in place"
    assert after.inputs["spec"]["podSelector"] == {"matchLabels": {"newt.instance": "renamed"}}


def test_another_namespace_takes_the_policy_along(k3s_home: Recording) -> None:
    moved = deploy({"kubernetes.namespace": "elsewhere"})
    assert places(moved) == {
        ("elsewhere", "newt-tunnel-netpol"): True,
        ("elsewhere", "newt-tunnel-deny"): False,
    }
    for name in (NAMESPACE, POLICY):
        assert moved.named(name).urn == k3s_home.named(name).urn, "a replacement removes the old"
        assert not k3s_home.named(name).retain_on_delete, f"the old {name} would stay"
    assert k3s_home.named(DENY).retain_on_delete, "it allows nothing, and goes with its namespace"


def test_in_another_namespace_nothing_is_left_in_the_old_one() -> None:
    moved = deploy({"kubernetes.namespace": "elsewhere"})
    for one in in_cluster(moved):
        metadata: dict[str, Any] = one.inputs.get("metadata", one.inputs)
        where = metadata.get("namespace", metadata.get("name"))
        assert where in ("elsewhere", "elsewhere-control"), one.name
