"""The nightly job of the forge in a cluster: its proof is two Jobs, and newt is left alone."""

from __future__ import annotations

import pytest

from tests.deployment import Deployment
from tests.lab.kubernetes.cluster import Cluster
from tests.stack.test_forge_job import drift

pytestmark = pytest.mark.lab

HERE = "--namespace=newt-tunnel"


def test_the_proof_is_run_again_alone_and_newt_is_not_rolled(
    on_cluster: Deployment, cluster: Cluster
) -> None:
    newt = ("get", "pods", HERE, "--selector=newt.instance=newt", "--output=name")
    running = [name for name in cluster.kubectl(*newt).split() if "newt-newt-newt" in name]
    assert running

    status, said = drift(on_cluster)

    assert status == 0, said
    assert "k3s-home: as deployed, and the proof holds" in said
    assert "+-2 replaced" in said, "the proof and its control, and nothing else"
    assert set(running) <= set(cluster.kubectl(*newt).split())
    on_cluster.preview("--expect-no-changes")
