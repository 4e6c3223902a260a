"""What comes before what. Nothing of newt is made before its confinement is in force and proved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from cluster import Unconfined
from egress.network_policy import DIGEST_ANNOTATION
from tests.unit.components import k3s_home as example
from tests.unit.components.k3s_home import (
    CLAIM,
    CONTROL,
    CONTROL_NAMESPACE,
    CREDENTIALS,
    DENY,
    NAMESPACE,
    POLICY,
    PROOF,
    RELEASE,
    Cluster,
    deploy,
)
from tests.unit.components.recording import Recording

OF_NEWT = (CREDENTIALS, CLAIM, RELEASE)
CONFINEMENT = (NAMESPACE, DENY, POLICY)
CHAIN = [
    pytest.param(earlier, later, id=f"{earlier} before {later}")
    for earlier, later in (
        (NAMESPACE, DENY),
        (DENY, POLICY),
        (POLICY, PROOF),
        (CONTROL_NAMESPACE, CONTROL),
        *((proof, one) for proof in (PROOF, CONTROL) for one in OF_NEWT),
        *((part, one) for part in CONFINEMENT for one in (PROOF, *OF_NEWT)),
        (CREDENTIALS, RELEASE),
        (CLAIM, RELEASE),
    )
]


@pytest.mark.parametrize(("earlier", "later"), CHAIN)
def test_each_thing_stands_before_what_relies_on_it_and_leaves_after_it(
    k3s_home: Recording, earlier: str, later: str
) -> None:
    assert k3s_home.position(earlier) < k3s_home.position(later)
    assert earlier in k3s_home.needs(later), (
        f"{later} would be made while {earlier} is still being made, and outlive it at destroy"
    )


@pytest.mark.parametrize("part", CONFINEMENT)
@pytest.mark.parametrize("name", [PROOF, *OF_NEWT])
def test_confinement_is_a_dependency_of_each_resource_itself(
    k3s_home: Recording, part: str, name: str
) -> None:
    assert k3s_home.named(part).urn in k3s_home.named(name).dependencies, (
        "a component's depends_on orders creation only: destroy looks at each resource's own"
    )


def test_newt_is_last(k3s_home: Recording) -> None:
    assert k3s_home.resources[-1].name == RELEASE


def test_a_preview_keeps_the_same_order(k3s_preview: Recording) -> None:
    for one in OF_NEWT:
        assert {*CONFINEMENT, PROOF, CONTROL} <= k3s_preview.needs(one)


@pytest.mark.parametrize("fails", [NAMESPACE, DENY, POLICY, PROOF, CONTROL])
def test_nothing_of_newt_is_made_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def fail(type_: str, name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        if name == fails:
            raise RuntimeError("the cage is open")
        return computed(type_, name, inputs)

    computed = example.computed
    monkeypatch.setattr(example, "computed", fail)
    recording = Recording()
    with pytest.raises(RuntimeError, match="the cage is open"):
        deploy(into=recording)
    made = {resource.name for resource in recording.resources}
    assert fails in made
    assert made.isdisjoint(OF_NEWT), "newt may never run before its cage is proved"


def test_without_a_proof_newt_still_comes_after_its_policies() -> None:
    recording = deploy({"proof": "off"})
    assert {PROOF, CONTROL, CONTROL_NAMESPACE}.isdisjoint(one.name for one in recording.resources)
    for one in OF_NEWT:
        assert set(CONFINEMENT) <= recording.needs(one)


def test_after_the_release_newts_pods_are_looked_at() -> None:
    cluster = Cluster()
    digest = deploy(cluster=cluster).stack_outputs["firewall"]["digest"]
    assert ({"newt.instance": "newt"}, {DIGEST_ANNOTATION: digest}) in cluster.asked_for


def test_a_preview_looks_at_no_pod() -> None:
    cluster = Cluster()
    deploy(cluster=cluster, preview=True)
    assert not any(isinstance(asked[0], dict) for asked in cluster.asked_for)


def test_a_newt_outside_its_policy_fails_the_update() -> None:
    open_cage = Unconfined("the release made no pod labelled newt.instance=newt")
    # Of anything but a RunError the user sees a traceback.
    with pytest.raises(pulumi.RunError, match="made no pod"):
        deploy(cluster=Cluster(unconfined=open_cage))


def test_a_newt_that_does_not_stay_up_is_named_and_fails_nothing() -> None:
    sentence = "newt-1 in newt-tunnel: newt is not ready: newt does not stay up"
    recording = deploy(cluster=Cluster(unready=(sentence,)))
    assert sentence in recording.messages("warning")
