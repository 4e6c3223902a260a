"""newt's namespace and the policies in it, and what follows when they change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from newt_tunnel.cluster import ClusterError
from newt_tunnel.egress.network_policy import DIGEST_ANNOTATION, RENDERED_ANNOTATION
from tests.unit.cluster.home import HOME, pod, port
from tests.unit.components.k3s_home import (
    CLAIM,
    CONTROL_NAMESPACE,
    CREDENTIALS,
    DENY,
    NAMESPACE,
    OWNER,
    POLICY,
    PROOF,
    RELEASE,
    Cluster,
    deploy,
)
from tests.unit.components.recording import Recording

CAMERA = {"name": "camera", "host": "10.0.1.201", "port": 8443}


def hashes(recording: Recording) -> dict[str, Any]:
    """The policy's hash, wherever it is written."""
    return {
        "policy": recording.named(POLICY).inputs["metadata"]["annotations"][DIGEST_ANNOTATION],
        "newt": recording.named(RELEASE).inputs["values"]["global"]["podAnnotations"][
            DIGEST_ANNOTATION
        ],
        "proof": recording.named(PROOF).inputs["spec"]["template"]["metadata"]["annotations"][
            DIGEST_ANNOTATION
        ],
        "output": recording.stack_outputs["firewall"]["digest"],
    }


@pytest.mark.parametrize("name", [NAMESPACE, CONTROL_NAMESPACE])
def test_both_namespaces_enforce_pod_security(k3s_home: Recording, name: str) -> None:
    labels = k3s_home.named(name).inputs["metadata"]["labels"]
    assert labels == {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.mark.parametrize("name", [NAMESPACE, CONTROL_NAMESPACE, DENY, POLICY])
def test_everything_says_whose_it_is(k3s_home: Recording, name: str) -> None:
    annotations = k3s_home.named(name).inputs["metadata"]["annotations"]
    assert annotations["newt-tunnel/owner"] == OWNER


def test_the_deny_selects_every_pod_and_opens_nothing(k3s_home: Recording) -> None:
    assert k3s_home.named(DENY).inputs["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_newts_policy_selects_newts_pods_and_lets_nothing_in(k3s_home: Recording) -> None:
    spec = k3s_home.named(POLICY).inputs["spec"]
    assert spec["podSelector"] == {"matchLabels": {"newt.instance": "newt"}}
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    assert len(spec["egress"]) == 5, "dns, pangolin and three targets"


def test_only_the_deny_stays_until_the_last_pod_is_gone(k3s_home: Recording) -> None:
    kept = {one.name for one in k3s_home.resources if one.retain_on_delete}
    assert kept == {DENY}, (
        "it can never widen and goes with the namespace; an allow that stays would"
    )


def test_both_policies_remember_what_they_were_rendered_with(k3s_home: Recording) -> None:
    for name in (DENY, POLICY):
        assert k3s_home.named(name).inputs["metadata"]["annotations"][RENDERED_ANNOTATION]


def test_the_policy_newts_pods_and_the_proof_carry_one_hash(k3s_home: Recording) -> None:
    assert len(set(hashes(k3s_home).values())) == 1
    assert len(hashes(k3s_home)["newt"]) == 16


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"egress": [CAMERA]}, id="another allow-list"),
        pytest.param({"egress": []}, id="a revoked one"),
        pytest.param({"dns": ["cluster", "169.254.20.10"]}, id="another resolver"),
        pytest.param({"pangolin.addresses": ["203.0.113.11"]}, id="another server"),
    ],
)
def test_a_changed_policy_rolls_newt_and_is_proved_anew(
    k3s_home: Recording, changes: dict[str, Any]
) -> None:
    before, after = hashes(k3s_home), hashes(deploy(changes))
    assert len(set(after.values())) == 1
    assert after["newt"] != before["newt"], "a revoked connection would live on in the old pod"


def test_a_target_port_that_moved_in_the_cluster_rolls_newt(k3s_home: Recording) -> None:
    moved = tuple(
        pod("homeassistant/ha-1", "app=ha", "10.42.0.4", port(8124, "http"))
        if one.namespace == "homeassistant"
        else one
        for one in HOME.pods
    )
    after = deploy(cluster=Cluster(replace(HOME, pods=moved)))
    assert hashes(after)["newt"] != hashes(k3s_home)["newt"]
    rules = after.named(POLICY).inputs["spec"]["egress"]
    assert rules[3]["ports"] == [{"protocol": "TCP", "port": 8124}]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"mustNotReach": []}, id="what is forbidden renders nothing"),
        pytest.param({"newt.logLevel": "debug"}, id="newt's own settings"),
        pytest.param({"proof": "warn"}, id="how it is proved"),
    ],
)
def test_what_changes_no_rule_changes_no_hash(k3s_home: Recording, changes: dict[str, Any]) -> None:
    assert hashes(deploy(changes)) == hashes(k3s_home)


def test_without_a_change_no_input_changes(k3s_home: Recording) -> None:
    again = deploy()
    assert {one.urn: one.inputs for one in again.resources} == {
        one.urn: one.inputs for one in k3s_home.resources
    }


def test_a_preview_without_a_cluster_keeps_what_the_state_holds() -> None:
    unreachable = Cluster(ClusterError("k3s-home: the cluster cannot be reached"))
    recording = deploy(cluster=unreachable, preview=True)
    ignored = {one.name: one.ignore_changes for one in recording.resources if one.ignore_changes}
    generation = 'metadata.annotations["newt-tunnel/generation"]'
    assert ignored == {
        NAMESPACE: ("metadata.annotations",),
        CONTROL_NAMESPACE: ("metadata.annotations",),
        DENY: ("spec", "metadata.annotations"),
        POLICY: ("spec", "metadata.annotations"),
        CREDENTIALS: (generation,),
        CLAIM: (generation,),
        PROOF: ("spec",),
        f"{PROOF.removesuffix('proving')}controlling": ("spec",),
        RELEASE: ("values",),
    }
    assert "egress" not in recording.named(POLICY).inputs["spec"], "no rule is guessed"


def test_with_a_cluster_no_change_is_ignored(k3s_home: Recording, k3s_preview: Recording) -> None:
    for recording in (k3s_home, k3s_preview):
        assert not any(one.ignore_changes for one in recording.resources)
