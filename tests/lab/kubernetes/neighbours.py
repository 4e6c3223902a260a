"""The post's services in the cluster: the table of who listens where, and its manifests.

Each is one pod that answers with its name and writes down who came (pod/main.go).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .layout import Layout

IMAGE = "docker.io/lab/pod:1"
MOUNT = "/events"
PORT_NAME = "http"


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    name: str
    namespace: str
    port: int  # where the pod listens
    service_port: int
    target: int | str  # the Service's targetPort: the number or the name of the pod's port
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def selector(self) -> dict[str, str]:
        return {"app.kubernetes.io/name": self.name, **self.labels}


NEIGHBOURS = (
    Neighbour(
        name="gitea",
        namespace="gitea",
        labels={"app.kubernetes.io/component": "gitea"},
        port=3000,
        service_port=3000,
        target=3000,
    ),
    # The post's trap: a policy has to name 8123, which the Service calls only by a name.
    Neighbour(
        name="homeassistant",
        namespace="homeassistant",
        port=8123,
        service_port=80,
        target=PORT_NAME,
    ),
    Neighbour(
        name="grafana", namespace="monitoring", port=3000, service_port=3000, target=PORT_NAME
    ),
    Neighbour(name="postgres", namespace="databases", port=5432, service_port=5432, target=5432),
)


def manifests(layout: Layout) -> str:
    """All of it, as one document that kubectl applies."""
    items = [item for neighbour in NEIGHBOURS for item in _objects(neighbour, layout)]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _objects(neighbour: Neighbour, layout: Layout) -> Iterator[dict[str, Any]]:
    name, namespace = neighbour.name, neighbour.namespace
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    metadata = {"name": name, "namespace": namespace, "labels": neighbour.selector}
    container = {
        "name": name,
        "image": IMAGE,
        "args": ["serve", name, f"{MOUNT}/{name}.jsonl", f":{neighbour.port}"],
        "ports": [{"name": PORT_NAME, "containerPort": neighbour.port}],
        "volumeMounts": [{"name": "events", "mountPath": MOUNT}],
    }
    folder = {"path": str(layout.events), "type": "Directory"}
    pod = {
        # No probes: every line of its log is somebody who came.
        "containers": [container],
        "volumes": [{"name": "events", "hostPath": folder}],
        "terminationGracePeriodSeconds": 0,
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": neighbour.selector},
            "template": {"metadata": {"labels": neighbour.selector}, "spec": pod},
        },
    }
    port = {"name": "http", "port": neighbour.service_port, "targetPort": neighbour.target}
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": neighbour.selector, "ports": [port]},
    }
