"""Objects of ours whose loss the engine does not notice: credentials, volume, the proof's Job, the
Deployment that Helm made, and Helm's own record. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from newt_tunnel.cluster.reading.installed import Named
from newt_tunnel.cluster.reading.snapshot import Snapshot
from newt_tunnel.cluster.state.expected import REFRESH, Difference, Expected, repair

_DEPLOYED, _FAILED = "deployed", "failed"


def needed_objects(snapshot: Snapshot, expected: Expected) -> Iterator[Difference]:
    """Secret, volume, and the proof's Job."""
    installed = snapshot.installed
    claims = installed.claims
    if _is_gone(expected.secret, installed.secrets):
        yield Difference(
            kind="Secret",
            name=expected.secret,
            text=f"newt's credentials are missing, and newt cannot start without them; {repair()}",
            is_missing=True,
        )
    if expected.job is not None and _is_gone(expected.job, installed.jobs):
        yield Difference(
            kind="Job",
            name=expected.job,
            text=f"the proof's Job is gone, with its results; {repair()}",
            is_missing=True,
        )
    used = {
        claim
        for one in installed.deployments_with(expected.pod_labels) or ()
        for claim in one.claims
        # Another claim does not belong to this stack, or no longer does.
        if claim == expected.claim
    }
    for claim in sorted(used - {one.name for one in claims}) if claims is not None else ():
        yield Difference(
            kind="PersistentVolumeClaim",
            name=claim,
            text=f"is missing, and newt cannot start without it; {repair()}",
            is_missing=True,
        )


def _is_gone(beginning: str, there: tuple[Named, ...] | None) -> bool:
    return there is not None and not any(one.name.startswith(beginning) for one in there)


def release_and_pods(snapshot: Snapshot, expected: Expected) -> Iterator[Difference]:
    """Helm's record, the Deployment that it made, and newt itself."""
    installed = snapshot.installed
    if installed.revisions is not None:
        newest = installed.newest(expected.release)
        if newest is None:
            yield Difference(
                kind="Release",
                name=expected.release,
                text=f"Helm has no record of it, and the engine does not notice; {REFRESH}",
                is_missing=True,
                is_repaired=False,
            )
            return
        if newest.status != _DEPLOYED:
            # Helm upgrades a failed release, and refuses one that another Helm may still be
            # changing.
            is_failed = newest.status == _FAILED
            rollback = f"`helm rollback {expected.release} --namespace={expected.namespace}`"
            remedy = repair("upgrades it") if is_failed else f"{rollback} ends what was begun"
            yield Difference(
                kind="Release",
                name=expected.release,
                text=f"Helm says {newest.status} of revision {newest.number}; {remedy}",
                is_repaired=is_failed,
            )
    deployments = installed.deployments_with(expected.pod_labels)
    if deployments is not None:
        if not deployments:
            yield Difference(
                kind="Deployment",
                name=expected.release,
                text=f"newt's Deployment is missing; {repair()}",
                is_missing=True,
            )
        for one in deployments:
            if one.replicas == 0:
                text = f"is scaled to 0, so no newt runs; {repair('starts it')}"
                yield Difference(kind="Deployment", name=one.name, text=text)
    for pod in installed.pods_with(expected.pod_labels) or ():
        if not pod.is_ready:
            yield Difference(
                kind="Pod",
                name=pod.name,
                text=f"newt is not ready: {pod.trouble}",
                is_repaired=False,
            )
