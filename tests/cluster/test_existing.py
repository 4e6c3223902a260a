"""`KUBECONFIG=… make demo STACK=k3s-home`, in the lab's cluster as if it were the user's."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests import cache
from tests.demo.guests import NEWT_NAMESPACE
from tests.demo.image import NAME
from tests.deployment import REPOSITORY
from tests.lab import Lab
from tests.lab.kubernetes.cluster import Cluster

# The demo runs on the workstation, where no Go module can be had: its engine is built before.
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("engine")]

DEMO = [sys.executable, "-m", "tests.demo", "--stack", "k3s-home"]
SECONDS = 300.0


def test_the_demo_says_what_a_cluster_lacks_measures_there_and_leaves_it_as_it_was(
    lab: Lab, cluster: Cluster
) -> None:
    before = cluster.kubectl("get", "namespaces", "--output=name")
    lacking = demo(lab, cluster)
    archive = re.search(r"^ +(\S+\.tar)$", lacking.stderr, re.MULTILINE)
    assert lacking.returncode == 1
    assert archive, lacking.stderr
    assert cluster.kubectl("get", "namespaces", "--output=name") == before
    # As a user of k3s does it.
    images = [
        "ctr",
        f"--address={cluster.layout.containerd_socket}",
        "--namespace=k8s.io",
        "images",
    ]
    cluster.node.run([*images, "import", archive[1]])
    try:
        done = demo(lab, cluster)
    finally:
        for name in cluster.node.run([*images, "list", "--quiet"]).stdout.splitlines():
            if name.startswith(NAME):
                cluster.node.run([*images, "remove", name])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "10 as expected, 0 wrong"
    assert "skipped: anything else" in done.stdout
    assert cluster.kubectl("get", "namespaces", "--output=name") == before


def test_the_demo_refuses_a_cluster_that_has_a_namespace_of_its_names_and_leaves_that_alone(
    lab: Lab, cluster: Cluster
) -> None:
    theirs = f"{NEWT_NAMESPACE}-gitea"
    cluster.kubectl("create", "namespace", theirs)
    try:
        refused = demo(lab, cluster)
        assert refused.returncode == 1
        assert f"kubectl delete namespace {theirs}" in refused.stderr
        phase = ("get", "namespace", theirs, "--output=jsonpath={.status.phase}")
        assert cluster.kubectl(*phase) == "Active"
    finally:
        cluster.kubectl("delete", "namespace", theirs)


def demo(lab: Lab, cluster: Cluster) -> subprocess.CompletedProcess[str]:
    """On the workstation, with a kubeconfig: what `make demo` runs."""
    environment = {
        **cluster.environment(),
        "SSL_CERT_FILE": str(lab.authority.certificate),  # the chart's repository is the lab's
        "NEWT_TUNNEL_CACHE": str(cache.root()),
    }
    return lab.workstation.run(DEMO, env=environment, cwd=REPOSITORY, check=False, timeout=SECONDS)
