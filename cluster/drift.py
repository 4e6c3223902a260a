"""What is not as the last update left it in the cluster, and what makes the engine notice.

Pulumi's engine compares a program with its own state and never looks at the cluster. So the program
looks: where something of ours is missing or changed it renders another *generation*, an annotation
of everything that must be done again. The generation is read back from the objects, so that the
next look finds what the state holds. A stack that nothing ever happened to has none.

Pure; works on what was read, and on what the engine's state says was deployed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cluster.findings import Finding, drift, warning
from cluster.ours import NAMESPACE, NETWORK_POLICY, OWNER, difference
from cluster.snapshot import NetworkPolicy, Snapshot
from egress.access import statements
from egress.network_policy import DIGEST_ANNOTATION, digest_of

GENERATION_ANNOTATION = "newt-tunnel/generation"
SECRET = "Secret"
CLAIM = "PersistentVolumeClaim"
JOB = "Job"
DEPLOYMENT = "Deployment"
RELEASE = "Release"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_GENERATION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_DEPLOYED, _FAILED = "deployed", "failed"
_REFRESH = "run `pulumi up --refresh`"


@dataclass(frozen=True, kw_only=True)
class Made:
    """What an update makes, and how it is recognised in a cluster."""

    #: ``project/stack``.
    owner: str
    namespace: str
    #: None where the last update made none.
    control_namespace: str | None
    #: Of both namespaces.
    namespace_labels: Mapping[str, str]
    #: Name to spec, as rendered now.
    policies: Mapping[str, Mapping[str, Any]]
    #: Of newt's pods.
    pod_labels: Mapping[str, str]
    #: How the name of the Secret begins.
    secret: str
    claim: str | None
    #: How the name of the proof's Job begins; None where the last update made none.
    job: str | None
    release: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """``is_missing`` where the object is gone; ``is_repaired`` where another generation makes the
    update put it right.
    """

    kind: str
    name: str
    text: str
    is_missing: bool = False
    is_repaired: bool = True

    @property
    def finding(self) -> Finding:
        return (drift if self.is_repaired else warning)(f"{self.kind} {self.name}", self.text)


def deployed_digest(
    snapshot: Snapshot, recorded: str | None, pod_labels: Mapping[str, str]
) -> str | None:
    """The hash of the policy that was deployed; None where nothing was.

    ``recorded`` is what the engine's state says. It says nothing of an update that never came to
    its end, but newt's pods do.
    """
    if recorded:
        return recorded
    digests = {
        pod.annotations[DIGEST_ANNOTATION]
        for pod in snapshot.installed.pods_with(pod_labels) or ()
        if DIGEST_ANNOTATION in pod.annotations
    }
    return min(digests, default=None)


def generation(
    snapshot: Snapshot, made: Made, differences: tuple[Difference, ...], now: datetime
) -> str | None:
    """The generation to render: a new one where something is to be put right, else the newest that
    is there, which an interrupted update may have written to some objects only.
    """
    if any(one.is_repaired for one in differences):
        return now.strftime(_TIME)
    own = (made.namespace, made.control_namespace)
    annotations = [
        *(one.annotations for one in snapshot.namespaces if one.name in own),
        *(one.annotations for one in snapshot.policies if one.name in made.policies),
    ]
    found = (one.get(GENERATION_ANNOTATION, "") for one in annotations)
    return max((text for text in found if _GENERATION.fullmatch(text)), default=None)


def differences(snapshot: Snapshot, made: Made, digest: str | None) -> tuple[Difference, ...]:
    """All that is not as the update left it. ``digest`` is ``deployed_digest``."""
    return () if digest is None else tuple(_differences(snapshot, made, digest))


def _differences(snapshot: Snapshot, made: Made, digest: str) -> Iterator[Difference]:
    yield from _namespace(snapshot, made, made.namespace)
    control = made.control_namespace
    if control is not None and not _is_renamed(snapshot, made):
        yield from _namespace(snapshot, made, control)
    if snapshot.has_namespace(made.namespace):
        yield from _policies(snapshot, made, digest)
        yield from _belongings(snapshot, made)
        yield from _newt(snapshot, made)


def _is_renamed(snapshot: Snapshot, made: Made) -> bool:
    """Whether the control namespace goes by another name in the cluster than in the stack file."""
    own = (made.namespace, made.control_namespace)
    return any(
        one.annotations.get(OWNER) == made.owner and one.name not in own
        for one in snapshot.namespaces
    )


def _namespace(snapshot: Snapshot, made: Made, name: str) -> Iterator[Difference]:
    found = snapshot.namespace(name)
    if found is None:
        # The release in newt's would be upgraded, and Helm refuses that without its record.
        text = f"is missing, with all that was in it, and the engine does not notice; {_REFRESH}"
        yield Difference(kind=NAMESPACE, name=name, text=text, is_missing=True, is_repaired=False)
        return
    labels = dict(found.labels)
    lost = [
        f"{key} is {labels[key]!r} instead of {value!r}" if key in labels else f"{key} is missing"
        for key, value in made.namespace_labels.items()
        if labels.get(key) != value
    ]
    if OWNER not in found.annotations:
        lost.append(f"{OWNER} is missing")
    if lost:
        yield Difference(
            kind=NAMESPACE, name=name, text=f"was changed: {', '.join(lost)}; {_repair()}"
        )


def _policies(snapshot: Snapshot, made: Made, digest: str) -> Iterator[Difference]:
    there = {one.name: one for one in snapshot.policies}
    is_open = not made.policies.keys() & there.keys()
    for name, rendered in made.policies.items():
        found = there.get(name)
        if found is None:
            text = "is missing" + (
                ", and no other of ours is there: newt may reach everything" if is_open else ""
            )
            yield Difference(
                kind=NETWORK_POLICY, name=name, text=f"{text}; {_repair()}", is_missing=True
            )
        elif not _is_as_deployed(found, rendered, digest):
            said = difference(found, rendered) or difference(
                NetworkPolicy(namespace=found.namespace, name=name, spec=found.spec), rendered
            )
            text = f"is not as it was deployed; {said}" if said else "is not the one of this stack"
            yield Difference(kind=NETWORK_POLICY, name=name, text=f"{text}; {_repair()}")


def _is_as_deployed(found: NetworkPolicy, rendered: Mapping[str, Any], digest: str) -> bool:
    """Judged by what is rendered now and by what the state holds, never by what the object says of
    itself: who changes a policy can change its annotations.
    """
    if OWNER not in found.annotations:
        return False
    if _meaning(found.spec) == _meaning(rendered):
        return True
    # The stack file has changed since.
    is_like = _meaning({**found.spec, "egress": []}) == _meaning({**rendered, "egress": []})
    return bool(rendered.get("egress")) and is_like and digest_of(found.spec) == digest


def _meaning(spec: Mapping[str, Any]) -> set[str]:
    return {one.fingerprint for one in statements(spec)}


def _belongings(snapshot: Snapshot, made: Made) -> Iterator[Difference]:
    installed = snapshot.installed
    claims = installed.claims
    if _is_gone(made.secret, installed.secrets):
        yield Difference(
            kind=SECRET,
            name=made.secret,
            text=f"newt's credentials are missing, and newt cannot start without; {_repair()}",
            is_missing=True,
        )
    if made.job is not None and _is_gone(made.job, installed.jobs):
        yield Difference(
            kind=JOB,
            name=made.job,
            text=f"the proof is gone, with all that it measured; {_repair()}",
            is_missing=True,
        )
    used = {
        claim
        for one in installed.deployments_with(made.pod_labels) or ()
        for claim in one.claims
        # Another one is nothing of this stack's, or not any more.
        if claim == made.claim
    }
    for claim in sorted(used - set(claims)) if claims is not None else ():
        yield Difference(
            kind=CLAIM,
            name=claim,
            text=f"is missing, and newt cannot start without; {_repair()}",
            is_missing=True,
        )


def _is_gone(beginning: str, names: tuple[str, ...] | None) -> bool:
    return names is not None and not any(name.startswith(beginning) for name in names)


def _newt(snapshot: Snapshot, made: Made) -> Iterator[Difference]:
    """Helm's record, the Deployment that it made, and newt itself."""
    installed = snapshot.installed
    if installed.revisions is not None:
        newest = installed.newest(made.release)
        if newest is None:
            yield Difference(
                kind=RELEASE,
                name=made.release,
                text=f"Helm has no record of it, and the engine does not notice; {_REFRESH}",
                is_missing=True,
                is_repaired=False,
            )
            return
        if newest.status != _DEPLOYED:
            # Helm upgrades what failed, and refuses what another Helm may still be at.
            is_failed = newest.status == _FAILED
            rollback = f"`helm rollback {made.release} --namespace={made.namespace}`"
            remedy = _repair("upgrades it") if is_failed else f"{rollback} ends what was begun"
            yield Difference(
                kind=RELEASE,
                name=made.release,
                text=f"Helm says {newest.status} of revision {newest.number}; {remedy}",
                is_repaired=is_failed,
            )
    deployments = installed.deployments_with(made.pod_labels)
    if deployments is not None:
        if not deployments:
            yield Difference(
                kind=DEPLOYMENT,
                name=made.release,
                text=f"newt's Deployment is missing; {_repair()}",
                is_missing=True,
            )
        for one in deployments:
            if one.replicas == 0:
                text = f"is scaled to 0, so no newt runs; {_repair('starts it')}"
                yield Difference(kind=DEPLOYMENT, name=one.name, text=text)
    for pod in installed.pods_with(made.pod_labels) or ():
        if not pod.is_ready:
            yield Difference(
                kind="Pod",
                name=pod.name,
                text=f"newt is not ready: {pod.trouble}",
                is_repaired=False,
            )


def _repair(verb: str = "puts it back") -> str:
    return f"`pulumi up` {verb}, proves the cage anew and starts newt anew"
