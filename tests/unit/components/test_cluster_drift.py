"""What somebody removed or changed in the cluster is told, and made again by the next update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from newt_tunnel.cluster import GENERATION_ANNOTATION, OWNER
from newt_tunnel.cluster.reading.installed import Deployment, Installed, Named, NewtPod, Revision
from newt_tunnel.cluster.reading.snapshot import Namespace, NetworkPolicy, Snapshot
from newt_tunnel.egress.network_policy import DIGEST_ANNOTATION, deny_in_words
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
from tests.unit.components.recording import Recording, revealed
from tests.unit.components.test_cluster_look import deployed as looked

NEWT = (("newt.instance", "newt"),)
PSA = (("pod-security.kubernetes.io/enforce", "restricted"),)


def deployed(by: Recording) -> Snapshot:
    """The cluster after the update ``by``, with all that newt has."""
    there = looked(by)
    digest = by.stack_outputs["firewall"]["digest"]
    generation = by.named(POLICY).inputs["metadata"]["annotations"].get(GENERATION_ANNOTATION)
    marks = {DIGEST_ANNOTATION: digest}
    if generation is not None:
        marks[GENERATION_ANNOTATION] = generation
    return replace(
        there,
        namespaces=tuple(
            replace(one, labels=PSA) if OWNER in one.annotations else one
            for one in there.namespaces
        ),
        installed=Installed(
            pods=(NewtPod(name="newt-1", labels=NEWT, annotations=marks),),
            deployments=(Deployment(name="newt-newt-newt", labels=NEWT, claims=("newt-config",)),),
            secrets=(_kept(by, CREDENTIALS, f"{CREDENTIALS}-1a2b3c4d"),),
            claims=(_kept(by, CLAIM, "newt-config"),),
            jobs=(Named(name=f"{PROOF}-1a2b3c4d"),),
            revisions=(Revision(release="newt", number=1, status="deployed"),),
        ),
    )


def _kept(by: Recording, resource: str, name: str) -> Named:
    return Named(
        name=name, annotations=by.named(resource).inputs["metadata"].get("annotations", {})
    )


def again(by: Recording, change: Callable[[Snapshot], Snapshot], **more: Any) -> Recording:
    outputs = {name: revealed(value) for name, value in by.stack_outputs.items()}
    return deploy(cluster=Cluster(change(deployed(by)), outputs=outputs), **more)


def without(*names: str) -> Callable[[Snapshot], Snapshot]:
    return lambda s: replace(s, policies=tuple(p for p in s.policies if p.name not in names))


def unlabelled(snapshot: Snapshot) -> Snapshot:
    return replace(
        snapshot,
        namespaces=tuple(
            replace(one, labels=()) if one.name == "newt-tunnel" else one
            for one in snapshot.namespaces
        ),
    )


def installed(**changes: Any) -> Callable[[Snapshot], Snapshot]:
    return lambda snapshot: replace(snapshot, installed=replace(snapshot.installed, **changes))


def generations(recording: Recording) -> dict[str, str | None]:
    """Wherever it must be for an update to make everything anew."""
    found = {
        name: recording.named(name).inputs["metadata"].get("annotations", {})
        for name in (NAMESPACE, DENY, POLICY, CONTROL_NAMESPACE)
    }
    for job in (PROOF, CONTROL):
        found[job] = recording.named(job).inputs["spec"]["template"]["metadata"]["annotations"]
    values = revealed(recording.named(RELEASE).inputs["values"])
    found[RELEASE] = values["global"]["podAnnotations"]
    return {name: annotations.get(GENERATION_ANNOTATION) for name, annotations in found.items()}


def replaced(recording: Recording) -> set[str]:
    found = {one.name for one in recording.resources if one.replace_on_changes}
    for name in found:
        assert recording.named(name).replace_on_changes == ("metadata.annotations",)
        assert recording.named(name).delete_before_replace
    return found


def test_an_undisturbed_stack_shows_no_change_and_has_no_generation(k3s_home: Recording) -> None:
    same = again(k3s_home, lambda snapshot: snapshot)
    assert {one.urn: one.inputs for one in same.resources} == {
        one.urn: one.inputs for one in k3s_home.resources
    }
    assert set(generations(same).values()) == {None}
    assert replaced(same) == set()
    assert same.messages("warning") == []


@pytest.mark.parametrize(
    ("change", "made_anew"),
    [
        pytest.param(without("newt-tunnel-netpol", "newt-tunnel-deny"), {DENY, POLICY}, id="all"),
        pytest.param(without("newt-tunnel-netpol"), {POLICY}, id="the policy"),
        pytest.param(without("newt-tunnel-deny"), {DENY}, id="the deny"),
        pytest.param(unlabelled, set(), id="the label"),
        pytest.param(installed(secrets=()), {CREDENTIALS}, id="the Secret"),
        pytest.param(installed(claims=()), {CLAIM}, id="the volume"),
        pytest.param(installed(jobs=()), set(), id="the proof"),
        pytest.param(installed(deployments=(), pods=()), set(), id="newt"),
    ],
)
def test_what_is_missing_is_an_error_at_preview_and_makes_the_update_do_everything_anew(
    k3s_home: Recording, change: Callable[[Snapshot], Snapshot], made_anew: set[str]
) -> None:
    preview = again(k3s_home, change, preview=True)
    assert preview.messages("error"), "a preview that says nothing is the defect"
    update = again(k3s_home, change)
    assert update.messages("error") == []
    assert update.messages("warning"), "the update repairs it, and says so"
    for recording in (preview, update):
        (generation,) = set(generations(recording).values())
        assert generation is not None
        assert replaced(recording) == made_anew


def test_a_changed_policy_is_replaced_and_a_changed_deny_is_applied_in_words(
    k3s_home: Recording,
) -> None:
    def opened(snapshot: Snapshot) -> Snapshot:
        return replace(
            snapshot,
            policies=tuple(
                replace(one, spec={**one.spec, "egress": [{}]}) for one in snapshot.policies
            ),
        )

    update = again(k3s_home, opened)
    assert replaced(update) == {POLICY}, "while it is replaced the deny shuts newt"
    # An apply takes from other clients only what it says itself.
    assert update.named(DENY).inputs["spec"] == deny_in_words()
    after = again(update, lambda snapshot: snapshot)
    assert after.named(DENY).inputs == update.named(DENY).inputs
    assert after.messages("warning") == []


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (installed(secrets=()), (CREDENTIALS,)),
        (installed(claims=()), (CLAIM,)),
        (without("newt-tunnel-netpol"), ()),
    ],
)
def test_credentials_and_volume_change_only_when_they_are_lost_themselves(
    k3s_home: Recording, change: Callable[[Snapshot], Snapshot], kept: tuple[str, ...]
) -> None:
    repaired = again(k3s_home, change)
    after = again(repaired, without("newt-tunnel-deny"))
    for recording in (repaired, after):
        marked = {
            name
            for name in (CREDENTIALS, CLAIM)
            if GENERATION_ANNOTATION
            in recording.named(name).inputs["metadata"].get("annotations", {})
        }
        assert marked == set(kept)
    for name in kept:
        assert after.named(name).inputs == repaired.named(name).inputs


def test_after_the_repair_nothing_changes_any_more(k3s_home: Recording) -> None:
    repaired = again(k3s_home, without("newt-tunnel-netpol"))
    after = again(repaired, lambda snapshot: snapshot)
    assert {one.urn: one.inputs for one in after.resources} == {
        one.urn: one.inputs for one in repaired.resources
    }
    assert replaced(after) == set()
    assert after.messages("warning") == []


def test_newts_pods_must_be_of_the_generation(k3s_home: Recording) -> None:
    outputs = dict(k3s_home.stack_outputs)
    cluster = Cluster(without("newt-tunnel-netpol")(deployed(k3s_home)), outputs=outputs)
    (generation,) = set(generations(deploy(cluster=cluster)).values())
    (marks,) = (asked[1] for asked in cluster.asked_for if isinstance(asked[0], dict))
    assert marks[GENERATION_ANNOTATION] == generation


def test_without_an_update_that_came_to_its_end_newts_pods_tell_that_something_was_deployed(
    k3s_home: Recording,
) -> None:
    bare = replace(deployed(k3s_home), policies=())
    assert deploy(cluster=Cluster(bare), preview=True).messages("error")


def test_what_was_replaced_by_an_object_without_an_owner_is_no_reason_to_stop(
    k3s_home: Recording,
) -> None:
    def taken(snapshot: Snapshot) -> Snapshot:
        theirs = NetworkPolicy(namespace="newt-tunnel", name="newt-tunnel-netpol", spec={})
        kept = without("newt-tunnel-netpol")(snapshot)
        return replace(kept, policies=(*kept.policies, theirs))

    assert replaced(again(k3s_home, taken)) == {POLICY}


def test_outputs_of_another_namespace_say_nothing_of_this_one(k3s_home: Recording) -> None:
    outputs = dict(k3s_home.stack_outputs)
    elsewhere = Cluster(
        replace(
            deployed(k3s_home),
            policies=(),
            installed=Installed(),
            namespaces=(
                Namespace(
                    name="newt-tunnel", annotations=deployed(k3s_home).namespaces[-1].annotations
                ),
            ),
        ),
        outputs=outputs,
    )
    moved = deploy({"kubernetes.namespace": "other"}, cluster=elsewhere, preview=True)
    assert moved.messages("error") == []


def test_a_state_that_cannot_be_read_is_told_and_newts_pods_stand_in_for_it(
    k3s_home: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(pulumi.runtime, "invoke", unreadable)
    bare = replace(deployed(k3s_home), policies=())
    preview = deploy(cluster=Cluster(bare), preview=True)
    assert any("outputs of" in one and "(OSError)" in one for one in preview.messages("warning"))
    assert preview.messages("error")
