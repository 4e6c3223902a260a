"""newt's own objects in its namespace, as an update left them: pods, Deployments, Helm's records.

Pure. Of Secrets only the metadata is read. A field is None if this user may not list such objects:
then nothing is concluded from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from newt_tunnel.egress.model import Labels

#: An object as the API server sends it.
Object = Mapping[str, Any]

JOB_LABEL = "batch.kubernetes.io/job-name"
_HELM_OWNER = ("owner", "helm")
#: The only container with output of our own: another one's may be secret.
_GATE = "newt-gate"
_RESTARTS = "CrashLoopBackOff"


@dataclass(frozen=True, kw_only=True)
class NewtPod:
    """A pod in newt's namespace that is not of a Job. ``trouble`` says why it is not ready."""

    name: str
    labels: Labels = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    is_ready: bool = True
    is_going: bool = False
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    name: str
    #: Labels of the pods that it makes.
    labels: Labels = ()
    replicas: int = 1
    #: PersistentVolumeClaims that its pods mount.
    claims: tuple[str, ...] = ()
    #: The API's reason why it could not make a pod.
    refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """Helm's record of one revision of a release."""

    release: str
    number: int
    status: str


@dataclass(frozen=True, kw_only=True)
class Named:
    """Any object of which only the existence is known."""

    name: str
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Installed:
    pods: tuple[NewtPod, ...] | None = None
    deployments: tuple[Deployment, ...] | None = None
    secrets: tuple[Named, ...] | None = None
    claims: tuple[Named, ...] | None = None
    jobs: tuple[Named, ...] | None = None
    revisions: tuple[Revision, ...] | None = None

    def pods_with(self, wanted: Mapping[str, str]) -> tuple[NewtPod, ...] | None:
        """Return newt's pods, without those that are being deleted."""
        if self.pods is None:
            return None
        return tuple(
            pod
            for pod in self.pods
            if wanted.items() <= dict(pod.labels).items() and not pod.is_going
        )

    def deployments_with(self, wanted: Mapping[str, str]) -> tuple[Deployment, ...] | None:
        if self.deployments is None:
            return None
        return tuple(one for one in self.deployments if wanted.items() <= dict(one.labels).items())

    def newest(self, release: str) -> Revision | None:
        revisions = [one for one in self.revisions or () if one.release == release]
        return max(revisions, key=lambda one: one.number, default=None)


def pod(found: Object) -> Iterator[NewtPod]:
    """Return a pod; None if it is a Job's."""
    metadata, status = found["metadata"], found.get("status") or {}
    labels = metadata.get("labels") or {}
    if JOB_LABEL in labels:
        return
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    is_ready = conditions.get("Ready", {}).get("status") == "True"
    yield NewtPod(
        name=metadata["name"],
        labels=tuple(sorted(labels.items())),
        annotations=metadata.get("annotations") or {},
        is_ready=is_ready,
        is_going=bool(metadata.get("deletionTimestamp")),
        trouble="" if is_ready else _trouble(status, conditions),
    )


def _trouble(status: Object, conditions: Mapping[str, Object]) -> str:
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return f"no node takes it: {scheduled.get('message', scheduled.get('reason', ''))}"
    for container in (
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ):
        state = container.get("state") or {}
        ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
        if container["name"] == _GATE and ended and ended.get("exitCode"):
            return _last_line(ended.get("message")) or "newt-gate failed"
        waiting = (state.get("waiting") or {}).get("reason")
        if waiting == _RESTARTS or (ended and ended.get("exitCode")):
            code = f", last with exit code {ended['exitCode']}" if ended else ""
            return (
                f"{container['name']} does not stay up: it ended {container['restartCount']} times"
                f"{code}"
            )
        if waiting and waiting not in ("PodInitializing", "ContainerCreating"):
            return f"{container['name']}: {waiting}"
    if status.get("phase") == "Running":
        return "it runs and is not connected to Pangolin"
    return f"it is {status.get('phase', 'not started')}"


def _last_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[-1] if lines else ""


def deployment(found: Object) -> Deployment:
    spec, status = found.get("spec") or {}, found.get("status") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    refusals = [
        one.get("message", "")
        for one in status.get("conditions") or ()
        if one["type"] == "ReplicaFailure" and one["status"] == "True"
    ]
    replicas = spec.get("replicas")
    return Deployment(
        name=found["metadata"]["name"],
        labels=tuple(sorted(labels.items())),
        replicas=1 if replicas is None else replicas,
        claims=tuple(
            volume["persistentVolumeClaim"]["claimName"]
            for volume in (template.get("spec") or {}).get("volumes") or ()
            if "persistentVolumeClaim" in volume
        ),
        refusal=next(iter(refusals), ""),
    )


def named(found: Object) -> Iterator[Named]:
    """Return an object; None if it is being deleted."""
    metadata = found["metadata"]
    if not metadata.get("deletionTimestamp"):
        yield Named(name=metadata["name"], annotations=metadata.get("annotations") or {})


def revision(found: Object) -> Iterator[Revision]:
    """Return the revision from the labels of Helm's own Secret; None for another Secret."""
    labels = found["metadata"].get("labels") or {}
    if _HELM_OWNER in labels.items() and labels.get("version", "").isdigit():
        yield Revision(
            release=labels.get("name", ""),
            number=int(labels["version"]),
            status=labels.get("status", ""),
        )
