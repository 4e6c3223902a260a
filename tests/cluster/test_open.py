"""The `k3s-home` stack where nothing enforces a policy, and where there is no cluster at all."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.demo.k3s_home import for_cluster
from tests.deployment import Deployment
from tests.lab import Lab
from tests.lab.kubernetes.cluster import Cluster
from tests.lab.kubernetes.layout import API_PORT

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def stack(engine: dict[str, str], lab: Lab, open_cluster: Cluster) -> Iterator[Deployment]:
    deployment = for_cluster(lab, engine, open_cluster)
    deployment.check_out()
    deployment.configure_cluster(open_cluster.kubeconfig.read_text())
    yield deployment
    deployment.remove()


def test_a_cluster_that_enforces_nothing_never_gets_a_newt_and_says_why(
    stack: Deployment, open_cluster: Cluster
) -> None:
    failed = stack.pulumi("up", "--yes", "--skip-preview", check=False)
    assert failed.returncode != 0
    assert "this cluster does not enforce newt's NetworkPolicy" in failed.stdout
    pods = open_cluster.kubectl("get", "pods", "--namespace=newt-tunnel", "--output=name")
    assert "newt-newt-newt" not in pods, "newt was started in an open cage"


def test_an_unreachable_cluster_is_a_warning_at_preview_and_an_error_at_up_within_ten_seconds(
    stack: Deployment, open_cluster: Cluster
) -> None:
    # Only from here: the node's own programs would take half a minute to come back to it.
    node, port = open_cluster.layout.addresses[0], str(API_PORT)
    refuse = ["OUTPUT", "-d", node, "-p", "tcp", "--dport", port, "-j", "REJECT"]
    refuse += ["--reject-with", "tcp-reset"]
    workstation = stack.lab.workstation
    workstation.run(["iptables", "--append", *refuse])
    try:
        printed = stack.preview()
        assert "k3s-home" in printed
        assert "not resolved" in printed, "look-ups are shown as not resolved"
        started = time.monotonic()
        failed = stack.pulumi("up", "--yes", "--skip-preview", check=False)
        assert failed.returncode != 0
        assert "kubernetes.context: k3s-home" in failed.stdout
        assert time.monotonic() - started < 20, "ten seconds, and the engine's own start"
    finally:
        workstation.run(["iptables", "--delete", *refuse])
