"""What Cilium tells of dropped packets and of connections is what `make suggest` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from newt_tunnel.tools.suggest.command import LISTED, main
from tests.cluster.test_node import eventually
from tests.lab.kubernetes import Cluster
from tests.lab.kubernetes.cilium import FLOWS
from tests.unit.settings.example import cluster_stack

pytestmark = pytest.mark.lab

NAMESPACE = "refused"
NODE, STRANGER = "10.0.1.40", "10.0.1.70"  # there is no such machine as the second
GITEA = {
    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gitea"}}}],
    "ports": [{"port": 3000, "protocol": "TCP"}],
}


def _objects(script: str) -> list[dict[str, Any]]:
    """A pod behind a policy that allows gitea, and dials."""
    metadata = {"namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "cage", **metadata},
            "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [GITEA]},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "newt", **metadata},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": False,
                "containers": [
                    {"name": "c", "image": "lab/busybox:1", "command": ["sh", "-c", script]}
                ],
            },
        },
    ]


def test_what_cilium_drops_becomes_entries_and_what_it_allows_is_counted(
    cluster: Cluster, tmp_path: Path
) -> None:
    pods = json.loads(cluster.kubectl("get", "pods", "--all-namespaces", "--output=json"))
    ips = {pod["metadata"]["namespace"]: pod["status"]["podIP"] for pod in pods["items"]}
    targets = [
        (ips["gitea"], 3000),
        (ips["gitea"], 22),
        (ips["databases"], 5432),
        (STRANGER, 80),
        (NODE, 22),
    ]
    script = "; ".join(f"nc -w 1 {address} {port} </dev/null" for address, port in targets)
    items = _objects(f"{script}; sleep 600")
    cluster.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    try:
        eventually(
            lambda: f'"destination":"{NODE}"' in _flows(cluster), within=60, what="the last drop"
        )
        (tmp_path / "flows.json").write_text(_flows(cluster))
    finally:
        cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    said = _suggested(tmp_path)

    assert "#   gitea: 1, the last" in said
    assert "#   printer: none" in said
    offered = {
        entry["name"]: entry.get("namespace", entry.get("host")) for entry in yaml.safe_load(said)
    }
    assert offered == {"gitea-22": "gitea", STRANGER: STRANGER}
    assert f"{NODE} 22/tcp: a node or the Kubernetes API" in said
    assert "5432/tcp: may be mustNotReach postgres" in said


def _flows(cluster: Cluster) -> str:
    """Of our pod: others may be refused at the same time."""
    text = cluster.node.run(["cat", FLOWS]).stdout
    return "".join(f"{line}\n" for line in text.splitlines() if f'"{NAMESPACE}"' in line)


def _suggested(folder: Path) -> str:
    tree = cluster_stack({"kubernetes.namespace": NAMESPACE})
    config = {f"newt-tunnel:{key}": value for key, value in tree.items()}
    (folder / "Pulumi.k3s-home.yaml").write_text(yaml.safe_dump({"config": config}))
    (folder / "Pulumi.yaml").write_text("name: newt-tunnel\n")
    said: list[str] = []
    status = main(["k3s-home", "--flows", str(folder / "flows.json")], folder, said.append)
    assert status == LISTED, said
    return "\n".join(said)
