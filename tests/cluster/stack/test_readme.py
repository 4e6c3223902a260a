"""The README alone: its quick start for a cluster, typed as it is printed, until newt is gone.

After everything else of its share: the cluster must be without a stack.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import Lab
from tests.lab.kubernetes import Cluster
from tests.stack.reader import Part, Reader, by_hand, site

pytestmark = pytest.mark.lab

CLUSTER = Part(heading="A Kubernetes cluster", stack="k3s-home", tool="kubectl ", others="ssh ")
#: The lab's services are called as the example's.
SAME = (
    *("gitea", "{app.kubernetes.io/component: gitea}", "homeassistant/homeassistant"),
    *("monitoring/grafana", "databases/postgres", "10.0.1.200", "10.0.1.1"),
)


def test_a_reader_of_the_readme_alone_deploys_verifies_and_removes_newt_in_a_cluster(
    lab: Lab, engine: dict[str, str], cluster: Cluster, tmp_path: Path
) -> None:
    values = {"k3s-home": cluster.context, **{name: name for name in SAME}, **site(lab)}
    reader = Reader(lab, engine, tmp_path, CLUSTER, values=values, answers=by_hand(lab))
    kubeconfig = reader.machine.home / ".kube" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text(cluster.kubeconfig.read_text())
    kubectl = cluster.environment()["PATH"].partition(":")[0]
    environment = {
        "PATH": f"{reader.environment()['PATH']}:{kubectl}",
        # Of the lab's chart repository.
        "SSL_CERT_FILE": str(lab.authority.certificate),
    }
    with reader.terminal(**environment) as terminal:
        reader.follow(terminal)
    assert "newt" not in cluster.kubectl("get", "namespaces", "--output=name")
