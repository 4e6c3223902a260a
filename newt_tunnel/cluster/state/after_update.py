"""The cluster after an update: the tables of the proof, and whether newt's pods are the confined
ones.

Reads only. Runs after the engine has made the objects, when the snapshot of the look-up is old.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from newt_tunnel.cluster.reading.client import ClusterError
from newt_tunnel.cluster.reading.installed import JOB_LABEL, Installed, NewtPod, Object
from newt_tunnel.cluster.reading.reader import connect, installed_in
from newt_tunnel.settings.stack import KubernetesSettings

#: In a rolling update the old pod and the new one overlap for a moment.
_OVERLAP_SECONDS = 30.0
_POLL_SECONDS = 1.0


class Unconfined(ClusterError):
    """newt runs outside its policy, or not at all."""


def job_logs(
    settings: KubernetesSettings, kubeconfig: str | None, jobs: Sequence[tuple[str, str]]
) -> list[str | None]:
    """Return the log of each Job, given as ``(namespace, name)``: empty if its pod is gone, None if
    there is no such Job.
    """
    client = connect(settings, kubeconfig)
    logs: list[str | None] = []
    for namespace, job in jobs:
        pods = f"/api/v1/namespaces/{namespace}/pods"
        found = client.each(f"{pods}?labelSelector={quote(f'{JOB_LABEL}={job}')}", _name)
        if found:
            logs.append(client.text(f"{pods}/{found[-1]}/log"))
            continue
        jobs_there = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        there = client.known(jobs_there, lambda job: [_name(job)], metadata_only=True)
        logs.append("" if there is None or job in there else None)
    return logs


def confirm_confined(
    settings: KubernetesSettings,
    kubeconfig: str | None,
    labels: Mapping[str, str],
    marks: Mapping[str, str],
    release: str,
) -> tuple[str, ...]:
    """Raise ``Unconfined`` unless newt's pods carry the policy's selector and the annotations
    ``marks``. Return other problems.

    A chart may render nothing, or pods that no policy selects, without an error. And the engine
    regards a release that was stopped since as unchanged.
    """
    client = connect(settings, kubeconfig)
    namespace = settings.kubernetes.namespace
    deadline = time.monotonic() + _OVERLAP_SECONDS
    while True:
        found = installed_in(client, namespace)
        if found.pods is None:
            raise Unconfined(
                f"kubernetes.context: this user may not list the pods of {namespace}, so whether "
                "newt is confined is not known; give it the right to"
            )
        pods = found.pods_with(labels) or ()
        others = [pod for pod in pods if not marks.items() <= pod.annotations.items()]
        unready = [pod for pod in pods if not pod.is_ready]
        cause = _cause(found, labels, release, namespace)
        # If newt is not supposed to run, waiting does not help.
        if (pods and not others and not unready) or (cause and not pods):
            break
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    words = ", ".join(f"{key}={value}" for key, value in labels.items())
    if not pods:
        raise Unconfined(
            cause
            or f"kubernetes.chart: the release made no pod labelled {words} in {namespace}: this "
            "version of the chart names its pods otherwise, or rendered none; pin 1.5.0"
        )
    if others:
        raise Unconfined(_unmarked(pods, others, words, namespace, marks))
    return tuple(f"{pod.name} in {namespace}: newt is not ready: {pod.trouble}" for pod in unready)


def _cause(found: Installed, labels: Mapping[str, str], release: str, namespace: str) -> str | None:
    """Return why newt has no pod, in one sentence; None if the chart must be the cause."""
    if found.revisions is not None and found.newest(release) is None:
        return (
            f"Helm's release {release} is gone from {namespace}, which the engine does not notice: "
            "run `pulumi up --refresh`"
        )
    for one in found.deployments_with(labels) or ():
        if one.replicas == 0:
            return (
                f"Deployment {one.name} in {namespace} is scaled to 0, so no newt runs: run "
                f"`pulumi up` again, or `kubectl --namespace={namespace} scale deployment "
                f"{one.name} --replicas=1`"
            )
        if one.refusal:
            return f"Deployment {one.name} in {namespace} cannot make newt's pod: {one.refusal}"
    if found.deployments == () and found.revisions:
        return (
            f"newt's Deployment is gone from {namespace}, which the engine does not notice: run "
            "`pulumi up` again"
        )
    return None


def _unmarked(
    pods: Sequence[NewtPod],
    others: Sequence[NewtPod],
    words: str,
    namespace: str,
    marks: Mapping[str, str],
) -> str:
    if len(others) < len(pods):
        names = ", ".join(sorted(pod.name for pod in others))
        return (
            f"{names} in {namespace} is labelled {words} and may reach what newt may, but is not "
            f"of this release: remove it, `kubectl delete pod {names.replace(',', '')} "
            f"--namespace={namespace}`, or what makes it"
        )
    wanted = ", ".join(marks.values())
    return (
        f"kubernetes.chart: newt's pods carry another policy's hash than {wanted}: the chart does "
        "not take global.podAnnotations; pin 1.5.0"
    )


def _name(found: Object) -> str:
    return str(found["metadata"]["name"])
