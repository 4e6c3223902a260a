"""The example stack of a cluster, deployed under mocks: the cluster's answers, and what was asked.

``deploy`` builds the program's one component from the example with changes. No test here can reach
a real cluster: every look at one is answered by ``Cluster``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pulumi

from components.kubernetes_tunnel import KubernetesTunnel
from newt_tunnel import cluster as looking
from newt_tunnel.cluster.reading import name_resolution, reader
from newt_tunnel.cluster.reading.snapshot import Snapshot
from newt_tunnel.settings.stack import KubernetesSettings
from tests.unit.cluster.home import HOME
from tests.unit.components import nas
from tests.unit.components.nas import PROJECT, Given
from tests.unit.components.recording import Recording, Resource, record
from tests.unit.settings.example import cluster_settings

STACK = "k3s-home"
OWNER = f"{PROJECT}/{STACK}"
#: Name of the component; its children are called after it.
NAME = "newt-tunnel"

PROVIDER = f"{NAME}-cluster"
NAMESPACE = f"{NAME}-egress-namespace"
DENY = f"{NAME}-egress-deny"
POLICY = f"{NAME}-egress-policy"
CONTROL_NAMESPACE = f"{NAME}-proof-control"
CONTROL = f"{NAME}-proof-controlling"
PROOF = f"{NAME}-proof-proving"
CREDENTIALS = f"{NAME}-newt-credentials"
CLAIM = f"{NAME}-newt-config"
RELEASE = f"{NAME}-newt-release"

NEWT_SECRET = "vq7wzc1h9tjx0lmg4s2p"
_TOKEN = "k8sTokenThatMustNotBeSeen"
KUBECONFIG = f"clusters: []\ncontexts: []\nusers: [{{token: {_TOKEN}}}]\n"
LEAKS = (NEWT_SECRET, _TOKEN)
PAIR = Given(newt_secret=NEWT_SECRET)
WITH_KUBECONFIG = Given(newt_secret=NEWT_SECRET, kubeconfig=KUBECONFIG)

#: What the Jobs measured: rule, destination, port, expected, verdict, evidence.
Row = tuple[str, str, str, str, str, str]
MEASURED: tuple[Row, ...] = (
    ("gitea", "10.43.0.20", "80/tcp", "reach", "reached", "newt: connected"),
    ("pangolin", "203.0.113.10", "51820/udp", "reach", "sent, not provable", "newt: one datagram"),
    ("grafana", "10.43.0.40", "3000/tcp", "block", "not proved", "newt: no answer"),
    ("router", "10.0.1.1", "80/tcp", "block", "not proved", "newt: no answer"),
)
CONTROLLED: tuple[Row, ...] = (
    ("gitea", "10.43.0.20", "80/tcp", "reach", "reached", "control: connected"),
    ("grafana", "10.43.0.40", "3000/tcp", "block", "OPEN", "control: connected"),
    ("router", "10.0.1.1", "80/tcp", "block", "not proved", "control: no answer"),
)


def table(*rows: Row) -> str:
    """As a pod prints it."""
    return nas.table(*rows, end="  ")


@dataclass
class Cluster:
    """The cluster as a look finds it, or why there was no look; its Jobs' logs, and whether newt's
    pods are the confined ones.
    """

    snapshot: Snapshot | Exception = HOME
    logs: Sequence[str | None] | Exception = (table(*MEASURED), table(*CONTROLLED))
    unconfined: Exception | None = None
    unready: tuple[str, ...] = ()
    #: Outputs of the update before, as the engine's state holds them.
    outputs: Mapping[str, Any] = field(default_factory=dict)
    #: What was asked of it after the update: Jobs as ``(namespace, name)``; label and hash.
    asked_for: list[Any] = field(default_factory=list)

    def read(self, *_: object) -> Snapshot:
        if isinstance(self.snapshot, Exception):
            raise self.snapshot
        return self.snapshot

    def job_logs(self, _settings: object, _kubeconfig: object, jobs: Any) -> list[str | None]:
        self.asked_for.append(tuple(jobs))
        if isinstance(self.logs, Exception):
            raise self.logs
        return list(self.logs)

    def confirm_confined(
        self,
        _settings: object,
        _kubeconfig: object,
        labels: Mapping[str, str],
        marks: Mapping[str, str],
        _release: str,
    ) -> tuple[str, ...]:
        self.asked_for.append((dict(labels), dict(marks)))
        if self.unconfined:
            raise self.unconfined
        return self.unready


@contextlib.contextmanager
def answered_by(cluster: Cluster) -> Iterator[None]:
    """While this lasts, every look at a cluster is a look at ``cluster``, and no name resolves."""
    with (
        mock.patch.object(reader, "read", cluster.read),
        mock.patch.object(name_resolution, "resolve", lambda wanted: dict.fromkeys(wanted, ())),
        mock.patch.object(looking, "job_logs", cluster.job_logs),
        mock.patch.object(looking, "confirm_confined", cluster.confirm_confined),
    ):
        yield


def computed(type_: str, _name: str, _inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the official provider would add."""
    if type_ == "kubernetes:helm.sh/v3:Release":
        return {"status": {"status": "deployed"}}
    return {}


def auto_named(_type: str, name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """What it adds at a preview already."""
    metadata = inputs.get("metadata", {"name": ""})
    return {} if "name" in metadata else {"metadata": {**metadata, "name": f"{name}-1a2b3c4d"}}


def deploy(
    changes: Mapping[str, Any] | None = None,
    *,
    given: Given = PAIR,
    cluster: Cluster | None = None,
    name: str = NAME,
    preview: bool = False,
    into: Recording | None = None,
) -> Recording:
    """Build the tunnel from the example with ``changes``, as ``{"kubernetes.namespace": "x"}``."""
    settings: KubernetesSettings = cluster_settings(changes)

    def program() -> None:
        tunnel = KubernetesTunnel(name, settings, given.outputs())
        for output in ("reach", "host", "firewall", "proof", "verify"):
            pulumi.export(output, getattr(tunnel, output))

    asked = cluster or Cluster()
    with answered_by(asked):
        return record(
            program,
            computed,
            checked=auto_named,
            project=PROJECT,
            stack=STACK,
            preview=preview,
            outputs=asked.outputs,
            into=into,
        )


def in_cluster(recording: Recording) -> list[Resource]:
    """What is made in the cluster, the release too."""
    return [one for one in recording.resources if one.type.startswith("kubernetes:")]


def pod_of(job: Resource) -> Any:
    return job.inputs["spec"]["template"]["spec"]


def instance(recording: Recording) -> Any:
    """The chart's values for newt itself."""
    (found,) = recording.named(RELEASE).inputs["values"]["newtInstances"]
    return found
