"""newt's own objects, and why newt is not ready."""

from __future__ import annotations

from typing import Any

import pytest

from newt_tunnel.cluster.reading.installed import (
    Installed,
    Revision,
    deployment,
    named,
    pod,
    revision,
)

NOT_READY = [{"type": "Ready", "status": "False"}]


def waiting(container: str, reason: str, **more: Any) -> dict[str, Any]:
    return {"name": container, "restartCount": 7, "state": {"waiting": {"reason": reason}}, **more}


def ended(code: int, message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "message": message}}


def read(status: dict[str, Any], **metadata: Any) -> Any:
    (found,) = pod({"metadata": {"name": "newt-1", **metadata}, "status": status})
    return found


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            {"containerStatuses": [waiting("newt", "CrashLoopBackOff", lastState=ended(1))]},
            "newt does not stay up: it ended 7 times, last with exit code 1",
        ),
        (
            {"containerStatuses": [{"name": "newt", "restartCount": 2, "state": ended(2)}]},
            "newt does not stay up: it ended 2 times, last with exit code 2",
        ),
        ({"containerStatuses": [waiting("newt", "ImagePullBackOff")]}, "newt: ImagePullBackOff"),
        (
            {
                "initContainerStatuses": [
                    waiting(
                        "newt-gate",
                        "CrashLoopBackOff",
                        lastState=ended(1, "a\nnewt-gate: after 60 tries: the canary answers\n"),
                    )
                ]
            },
            "newt-gate: after 60 tries: the canary answers",
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no memory"}]},
            "no node takes it: no memory",
        ),
        (
            {"phase": "Running", "containerStatuses": [{"name": "newt", "state": {"running": {}}}]},
            "it runs and is not connected to Pangolin",
        ),
        (
            {"phase": "Pending", "containerStatuses": [waiting("newt", "PodInitializing")]},
            "it is Pending",
        ),
    ],
)
def test_why_newt_is_not_ready_is_one_sentence(status: dict[str, Any], said: str) -> None:
    found = read({"conditions": NOT_READY, **status})
    assert (found.is_ready, found.trouble) == (False, said)


def test_what_newt_itself_printed_is_never_repeated() -> None:
    last = ended(1, "secret=abc")
    status = {"containerStatuses": [waiting("newt", "CrashLoopBackOff", lastState=last)]}
    assert "abc" not in read(status).trouble


def test_a_ready_pod_has_no_trouble_and_a_jobs_pod_is_not_newt() -> None:
    found = read({"conditions": [{"type": "Ready", "status": "True"}]})
    assert (found.is_ready, found.trouble) == (True, "")
    job = {"metadata": {"name": "a", "labels": {"batch.kubernetes.io/job-name": "a"}}}
    assert list(pod(job)) == []


def test_a_deployment_says_how_many_it_wants_what_it_mounts_and_what_stops_it() -> None:
    volume = {"persistentVolumeClaim": {"claimName": "newt-config"}}
    found = deployment(
        {
            "metadata": {"name": "newt"},
            "spec": {
                "replicas": 0,
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"volumes": [{"emptyDir": {}}, volume]},
                },
            },
            "status": {
                "conditions": [
                    {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
                ]
            },
        }
    )
    assert (found.replicas, found.claims, found.refusal) == (0, ("newt-config",), "exceeded quota")
    assert deployment({"metadata": {"name": "newt"}, "spec": {}}).replicas == 1


def test_the_newest_of_helms_records_counts_by_its_number() -> None:
    def secret(number: str, status: str) -> dict[str, Any]:
        labels = {"owner": "helm", "name": "newt", "version": number, "status": status}
        return {"metadata": {"name": f"sh.helm.release.v1.newt.v{number}", "labels": labels}}

    secrets = [secret("9", "superseded"), secret("10", "failed"), {"metadata": {"name": "x"}}]
    found = tuple(one for each in secrets for one in revision(each))
    assert Installed(revisions=found).newest("newt") == Revision(
        release="newt", number=10, status="failed"
    )
    assert Installed(revisions=found).newest("other") is None


def test_what_is_being_deleted_is_gone() -> None:
    assert list(named({"metadata": {"name": "a", "deletionTimestamp": "now"}})) == []
