"""A pod that somebody puts into newt's namespace: it does what it is told to from its first
instruction, knock for example.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from components.pod_defaults import CONTAINER_SECURITY
from tests.lab.kubernetes.cluster import Cluster
from tests.lab.kubernetes.neighbours import IMAGE

NAMESPACE = "newt-tunnel"
RESULT_SECONDS = 60.0
POLL = 0.2
RESULT = re.compile(r"^(?P<door>\S+) tried (?P<tried>\d+) opened (?P<opened>\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Knocked:
    tried: int
    opened: int


class Guest:
    def __init__(self, cluster: Cluster, place: Sequence[str], doors: Sequence[str]) -> None:
        self._cluster = cluster
        self._place = place
        self._doors = doors

    def result(self) -> Mapping[str, Knocked]:
        """What became of it at each door, once it has stopped knocking."""
        deadline = time.monotonic() + RESULT_SECONDS
        while True:
            found = {
                one["door"]: Knocked(int(one["tried"]), int(one["opened"]))
                for one in RESULT.finditer(self._said())
            }
            if found.keys() >= set(self._doors):
                return found
            assert time.monotonic() < deadline, f"the pod said only {found}: {self._said()}"
            time.sleep(POLL)

    def _said(self) -> str:
        return self._cluster.run("kubectl", "logs", *self._place, check=False).stdout


@contextmanager
def guest(
    cluster: Cluster,
    name: str,
    labels: Mapping[str, str],
    seconds: float,
    doors: Sequence[str],
    *,
    namespace: str = NAMESPACE,
    grace: int = 0,
) -> Iterator[Guest]:
    """With such a pod that knocks on the doors."""
    arguments = ["knock", str(seconds), *doors]
    with invited(cluster, name, labels, arguments, namespace=namespace, grace=grace) as place:
        yield Guest(cluster, place, doors)


@contextmanager
def invited(
    cluster: Cluster,
    name: str,
    labels: Mapping[str, str],
    arguments: Sequence[str],
    *,
    namespace: str = NAMESPACE,
    grace: int = 0,
) -> Iterator[Sequence[str]]:
    """With such a pod, under Pod Security `restricted`; asked to go, it goes after `grace` s. Gives
    its name and namespace as words for kubectl."""
    place = (name, f"--namespace={namespace}")
    container = {
        "name": name,
        "image": IMAGE,
        "args": list(arguments),
        "securityContext": CONTAINER_SECURITY,
    }
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [container],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": grace,
        },
    }
    cluster.apply(json.dumps(manifest))
    try:
        yield place
    finally:
        cluster.kubectl("delete", "pod", *place, "--ignore-not-found")


def service_address(cluster: Cluster, namespace: str, name: str) -> str:
    address = "--output=jsonpath={.spec.clusterIP}"
    return cluster.kubectl("get", "service", name, f"--namespace={namespace}", address)
