"""What is not as the last update left it, judged by the state and never by the object itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from newt_tunnel.cluster import (
    GENERATION_ANNOTATION,
    OWNER,
    Expected,
    deny_as_there,
    deployed_digest,
    differences,
    generation,
    own_generation,
)
from newt_tunnel.cluster.reading.installed import Deployment, Installed, Named, NewtPod, Revision
from newt_tunnel.cluster.reading.snapshot import Namespace, NetworkPolicy, Snapshot
from newt_tunnel.egress.network_policy import (
    DIGEST_ANNOTATION,
    annotations_of,
    deny_all,
    deny_in_words,
    digest,
    newt_policy,
    rendered,
)
from newt_tunnel.findings import Level
from tests.unit.cluster.home import HOME, looked_up

OURS = "newt-tunnel/k3s-home"
NEWT = {"newt.instance": "newt"}
PSA = {"pod-security.kubernetes.io/enforce": "restricted"}
POLICY, DENY = "newt-tunnel-netpol", "newt-tunnel-deny"
NOW = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
G = "2026-12-01T04:00:00Z"

found = looked_up(None, None).policy
assert found is not None
SPEC, ANNOTATIONS, DIGEST = newt_policy(found, "newt"), annotations_of(found, "newt"), digest(found)
EXPECTED = Expected(
    owner=OURS,
    namespace="newt-tunnel",
    control_namespace="newt-tunnel-control",
    namespace_labels=PSA,
    policies={DENY: deny_all(), POLICY: SPEC},
    newts_policy=POLICY,
    pod_labels=NEWT,
    secret="newt-tunnel-newt-credentials",
    claim="newt-config",
    job="newt-tunnel-proof-proving",
    release="newt",
)
POD = NewtPod(name="newt-1", labels=tuple(NEWT.items()), annotations={DIGEST_ANNOTATION: DIGEST})
DEPLOYMENT = Deployment(name="newt-newt-newt", labels=tuple(NEWT.items()), claims=("newt-config",))


def named(*names: str) -> tuple[Named, ...]:
    return tuple(Named(name=name) for name in names)


INSTALLED = Installed(
    pods=(POD,),
    deployments=(DEPLOYMENT,),
    secrets=named("newt-tunnel-newt-credentials-1a2b3c4d", "sh.helm.release.v1.newt.v1"),
    claims=named("newt-config"),
    jobs=named("newt-tunnel-proof-proving-1a2b3c4d"),
    revisions=(Revision(release="newt", number=1, status="deployed"),),
)


def namespace(name: str, **changes: Any) -> Namespace:
    whole: dict[str, Any] = {"labels": tuple(PSA.items()), "annotations": {OWNER: OURS}}
    return Namespace(name=name, **(whole | changes))


def policy(name: str, spec: Mapping[str, Any], **annotations: str) -> NetworkPolicy:
    return NetworkPolicy(
        namespace="newt-tunnel",
        name=name,
        spec=spec,
        annotations={OWNER: OURS, **annotations},
    )


DEPLOYED = replace(
    HOME,
    namespaces=(*HOME.namespaces, namespace("newt-tunnel"), namespace("newt-tunnel-control")),
    policies=(
        policy(DENY, deny_all(), **rendered(deny_all())),
        policy(POLICY, SPEC, **ANNOTATIONS),
    ),
    installed=INSTALLED,
)


def without(name: str) -> Snapshot:
    return replace(DEPLOYED, policies=tuple(p for p in DEPLOYED.policies if p.name != name))


def with_policy(one: NetworkPolicy) -> Snapshot:
    return replace(without(one.name), policies=(*without(one.name).policies, one))


def installed(**changes: Any) -> Snapshot:
    return replace(DEPLOYED, installed=replace(INSTALLED, **changes))


def said(
    snapshot: Snapshot, expected: Expected = EXPECTED, deployed: str | None = DIGEST
) -> list[str]:
    return [str(one.finding) for one in differences(snapshot, expected, deployed)]


def test_of_a_deployed_stack_nothing_is_said_and_it_has_no_generation() -> None:
    assert said(DEPLOYED) == []
    assert generation(DEPLOYED, EXPECTED, (), NOW) is None


def test_before_the_first_update_nothing_is_missing() -> None:
    assert said(HOME, deployed=None) == []


@pytest.mark.parametrize("name", [DENY, POLICY])
def test_a_missing_policy_is_an_error_and_a_new_generation(name: str) -> None:
    (one,) = differences(without(name), EXPECTED, DIGEST)
    assert (one.kind, one.name, one.is_missing) == ("NetworkPolicy", name, True)
    assert one.finding.level is Level.DRIFT
    assert "`pulumi up` puts it back, proves the cage anew and starts newt anew" in one.text
    assert "may reach everything" not in one.text, "the other one still confines it"
    assert generation(without(name), EXPECTED, (one,), NOW) == G


def test_without_any_policy_newt_may_reach_everything_and_that_is_said() -> None:
    lines = said(replace(DEPLOYED, policies=()))
    assert len(lines) == 2
    assert all("is missing, and no other of ours is there: newt may reach" in it for it in lines)


OPEN = {**SPEC, "egress": [*SPEC["egress"], {}]}


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(ANNOTATIONS, id="as it was"),
        pytest.param({**ANNOTATIONS, **rendered(OPEN)}, id="the fingerprints forged"),
        pytest.param({}, id="without any"),
    ],
)
def test_a_changed_policy_is_found_whatever_it_says_of_itself(forged: dict[str, str]) -> None:
    (line,) = said(with_policy(policy(POLICY, OPEN, **forged)))
    assert line.startswith(f"NetworkPolicy {POLICY}: is not as it was deployed; added: egress to")


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        (POLICY, {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
        (POLICY, {**SPEC, "podSelector": {"matchLabels": {"app": "else"}}}),
        (POLICY, {**SPEC, "policyTypes": ["Ingress"]}),
        (POLICY, {**SPEC, "ingress": [{}]}),
        (POLICY, {**SPEC, "egress": SPEC["egress"][1:]}),
        (DENY, {**deny_all(), "egress": [{}]}),
        (DENY, {**deny_all(), "podSelector": {"matchLabels": {"a": "b"}}}),
        (DENY, {}),
        pytest.param(DENY, {**deny_all(), "egress": SPEC["egress"]}, id="for all pods"),
    ],
)
def test_what_was_emptied_narrowed_or_widened_is_found(name: str, spec: dict[str, Any]) -> None:
    (one,) = differences(with_policy(policy(name, spec)), EXPECTED, DIGEST)
    assert (one.name, one.is_missing, one.is_repaired) == (name, False, True)


def test_a_policy_of_our_name_that_somebody_made_is_not_ours() -> None:
    theirs = NetworkPolicy(namespace="newt-tunnel", name=POLICY, spec=SPEC)
    (line,) = said(with_policy(theirs))
    assert "is not the one of this stack" in line


def test_a_changed_stack_file_is_no_difference() -> None:
    changed = looked_up([], None).policy
    assert changed is not None
    expected = replace(EXPECTED, policies={DENY: deny_all(), POLICY: newt_policy(changed, "newt")})
    assert said(DEPLOYED, expected) == []
    (line,) = said(with_policy(policy(POLICY, OPEN, **ANNOTATIONS)), expected)
    assert "added: egress to everywhere all ports" in line, "both at once is one"


def test_what_an_unfinished_update_deployed_is_no_difference() -> None:
    assert said(DEPLOYED, deployed="0123456789abcdef") == []


@pytest.mark.parametrize("name", ["newt-tunnel", "newt-tunnel-control"])
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"labels": ()}, "pod-security.kubernetes.io/enforce is missing"),
        (
            {"labels": (("pod-security.kubernetes.io/enforce", "privileged"),)},
            "pod-security.kubernetes.io/enforce is 'privileged' instead of 'restricted'",
        ),
        ({"annotations": {}}, "newt-tunnel/owner is missing"),
    ],
)
def test_a_namespace_that_lost_its_label_is_put_right(
    name: str, changes: dict[str, Any], text: str
) -> None:
    others = tuple(one for one in DEPLOYED.namespaces if one.name != name)
    there = replace(DEPLOYED, namespaces=(*others, namespace(name, **changes)))
    (one,) = differences(there, EXPECTED, DIGEST)
    assert text in one.text
    assert (one.is_missing, one.is_repaired) == (False, True)


def test_a_namespace_that_is_gone_needs_a_refresh_and_says_nothing_of_its_content() -> None:
    (one,) = differences(
        replace(
            DEPLOYED,
            namespaces=tuple(n for n in DEPLOYED.namespaces if n.name != "newt-tunnel"),
            policies=(),
            installed=Installed(),
        ),
        EXPECTED,
        DIGEST,
    )
    assert "run `pulumi up --refresh`" in one.text
    assert not one.is_repaired


def test_a_control_namespace_by_another_name_is_no_difference() -> None:
    assert said(DEPLOYED, replace(EXPECTED, control_namespace="renamed")) == []
    assert said(DEPLOYED, replace(EXPECTED, control_namespace=None)) == []


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"secrets": named("other")}, "Secret", "newt's credentials are missing"),
        ({"claims": ()}, "PersistentVolumeClaim", "is missing, and newt cannot start without"),
        ({"jobs": ()}, "Job", "the proof's Job is gone"),
        ({"deployments": (), "pods": ()}, "Deployment", "newt's Deployment is missing"),
        (
            {"deployments": (replace(DEPLOYMENT, replicas=0),), "pods": ()},
            "Deployment",
            "is scaled to 0, so no newt runs; `pulumi up` starts it",
        ),
        (
            {"revisions": (Revision(release="newt", number=2, status="failed"),)},
            "Release",
            "Helm says failed of revision 2; `pulumi up` upgrades it",
        ),
    ],
)
def test_what_newt_needs_and_the_engine_does_not_miss_is_put_right(
    changes: dict[str, Any], kind: str, text: str
) -> None:
    (one,) = differences(installed(**changes), EXPECTED, DIGEST)
    assert (one.kind, one.is_repaired) == (kind, True)
    assert text in one.text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"revisions": ()}, "Release newt: Helm has no record of it"),
        (
            {"revisions": (Revision(release="newt", number=3, status="pending-upgrade"),)},
            "Helm says pending-upgrade of revision 3; `helm rollback newt --namespace=newt-tunnel`",
        ),
        (
            {"pods": (replace(POD, is_ready=False, trouble="newt does not stay up"),)},
            "Pod newt-1: newt is not ready: newt does not stay up",
        ),
    ],
)
def test_what_another_generation_does_not_put_right_is_a_warning(
    changes: dict[str, Any], text: str
) -> None:
    (one,) = differences(installed(**changes), EXPECTED, DIGEST)
    assert one.finding.level is Level.WARNING
    assert text in str(one.finding)
    assert generation(DEPLOYED, EXPECTED, (one,), NOW) is None


def test_what_may_not_be_listed_is_not_missing() -> None:
    assert said(replace(DEPLOYED, installed=Installed())) == []


def test_a_claim_that_was_never_made_is_not_missing() -> None:
    assert said(installed(claims=(), deployments=(replace(DEPLOYMENT, claims=()),))) == []


def test_the_newest_generation_that_an_update_wrote_anywhere_is_kept() -> None:
    older, newer = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"
    snapshot = with_policy(policy(POLICY, SPEC, **{GENERATION_ANNOTATION: older}))
    assert generation(snapshot, EXPECTED, (), NOW) == older
    half = replace(
        snapshot,
        namespaces=(
            *HOME.namespaces,
            namespace("newt-tunnel", annotations={GENERATION_ANNOTATION: newer}),
            namespace("other", annotations={GENERATION_ANNOTATION: "2027-01-01T00:00:00Z"}),
        ),
    )
    assert generation(half, EXPECTED, (), NOW) == newer, (
        "an interrupted update is gone through with"
    )


@pytest.mark.parametrize("forged", ["", "zzz", "2026-11-01T00:00:00Z\n", "x" * 300_000])
def test_what_is_no_generation_is_none(forged: str) -> None:
    snapshot = with_policy(policy(POLICY, SPEC, **{GENERATION_ANNOTATION: forged}))
    assert generation(snapshot, EXPECTED, (), NOW) is None


def test_newts_pods_say_what_was_deployed_when_the_state_does_not() -> None:
    assert deployed_digest(DEPLOYED, "recorded", NEWT) == "recorded"
    assert deployed_digest(DEPLOYED, None, NEWT) == DIGEST
    plain = replace(POD, annotations={})
    assert deployed_digest(installed(pods=(plain,)), None, NEWT) is None
    assert deployed_digest(installed(pods=None), None, NEWT) is None


def test_what_only_its_own_loss_changes_has_a_generation_of_its_own() -> None:
    made_again = Named(name="newt-config", annotations={GENERATION_ANNOTATION: G})
    assert own_generation((made_again, *named("other")), "newt-config") == G
    assert own_generation(named("newt-config"), "newt-config") is None
    assert own_generation((made_again,), "other") is None
    assert own_generation(None, "newt-config") is None


def test_a_deny_that_had_to_be_written_in_words_stays_so() -> None:
    assert deny_as_there(DEPLOYED, DENY) == deny_all()
    assert deny_as_there(HOME, DENY) == deny_all()
    opened = with_policy(policy(DENY, {**deny_all(), "egress": [{}]}))
    assert deny_as_there(opened, DENY) == deny_all()
    there = with_policy(policy(DENY, deny_in_words()))
    assert deny_as_there(there, DENY) == deny_in_words()
    assert said(there, replace(EXPECTED, policies={DENY: deny_in_words(), POLICY: SPEC})) == []
