"""What an update left in the cluster: the tables of the proof, and whether newt is the confined
one.

Reads only. Runs after the engine has made the objects, when the snapshot of the look-up is old.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from cluster.errors import ClusterError
from cluster.objects import Object
from cluster.reader import connect
from egress.network_policy import DIGEST_ANNOTATION
from settings.stack import KubernetesSettings

_JOB_LABEL = "batch.kubernetes.io/job-name"
#: A rolling update lets the old pod overlap the new one for a moment.
_OVERLAP_SECONDS = 30.0
_POLL_SECONDS = 1.0


class Unconfined(ClusterError):
    """newt runs outside its policy, or not at all."""


def job_logs(
    settings: KubernetesSettings, kubeconfig: str | None, jobs: Sequence[tuple[str, str]]
) -> list[str]:
    """The log of each Job, given as ``(namespace, name)``; empty where its pod is gone."""
    client = connect(settings, kubeconfig)
    logs = []
    for namespace, job in jobs:
        pods = f"/api/v1/namespaces/{namespace}/pods"
        found = client.each(f"{pods}?labelSelector={quote(f'{_JOB_LABEL}={job}')}", _name)
        logs.append(client.text(f"{pods}/{found[-1]}/log") if found else "")
    return logs


def confirm_confined(
    settings: KubernetesSettings, kubeconfig: str | None, labels: Mapping[str, str], digest: str
) -> None:
    """Raise ``Unconfined`` unless newt's pods carry the policy's selector and hash.

    A chart may render nothing, or pods that no policy selects: without an error anywhere.
    """
    client = connect(settings, kubeconfig)
    namespace = settings.kubernetes.namespace
    selector = quote(",".join(f"{key}={value}" for key, value in labels.items()))
    path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"
    deadline = time.monotonic() + _OVERLAP_SECONDS
    while True:
        # Neither the pods of the proof, nor one that is on its way out.
        pods = [pod for pod in client.each(path, _as_is) if _is_newt(pod)]
        others = [pod for pod in pods if _annotations(pod).get(DIGEST_ANNOTATION) != digest]
        if pods and not others:
            return
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    words = ", ".join(f"{key}={value}" for key, value in labels.items())
    if not pods:
        raise Unconfined(
            f"kubernetes.chart: the release made no pod labelled {words} in {namespace}: this "
            "version of the chart names its pods otherwise, or rendered none; pin 1.5.0"
        )
    if len(others) < len(pods):
        names = ", ".join(sorted(map(_name, others)))
        raise Unconfined(
            f"{names} in {namespace} is labelled {words} and may reach what newt may, but is not "
            f"of this release: remove it, `kubectl delete pod {names.replace(',', '')} "
            f"--namespace={namespace}`, or what makes it"
        )
    raise Unconfined(
        f"kubernetes.chart: newt's pods carry another policy's hash than {digest}: the chart does "
        "not take global.podAnnotations; pin 1.5.0"
    )


def _as_is(found: Object) -> Object:
    return found


def _name(found: Object) -> str:
    return str(found["metadata"]["name"])


def _annotations(pod: Object) -> Mapping[str, str]:
    return pod["metadata"].get("annotations") or {}


def _is_newt(pod: Object) -> bool:
    metadata = pod["metadata"]
    return _JOB_LABEL not in (metadata.get("labels") or {}) and not metadata.get(
        "deletionTimestamp"
    )
