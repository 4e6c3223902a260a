"""One deployment for all tests of this folder. A test leaves it as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo.k3s_home import for_cluster
from tests.deployment import Deployment
from tests.lab import Lab
from tests.lab.kubernetes import Cluster
from tests.stack.observe import as_it_was


@pytest.fixture(scope="package")
def first_up_on_cluster(
    engine: dict[str, str], lab: Lab, cluster: Cluster
) -> Iterator[tuple[Deployment, str]]:
    """The example stack, deployed, and what the engine printed."""
    deployment = for_cluster(lab, engine, cluster)
    deployment.check_out()
    deployment.configure_cluster(cluster.kubeconfig.read_text())
    printed = deployment.up()
    yield deployment, printed
    deployment.remove()


@pytest.fixture
def on_cluster(first_up_on_cluster: tuple[Deployment, str]) -> Iterator[Deployment]:
    """The running stack; its stack file is put back afterwards, and deployed if it had changed."""
    yield from as_it_was(first_up_on_cluster[0])
