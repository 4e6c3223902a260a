"""One deployment for all tests of the session. A test leaves it as it found it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.demo.k3s_home import for_cluster
from tests.deployment import Deployment
from tests.engine.prepare import prepare
from tests.lab import Lab
from tests.lab.kubernetes.cluster import Cluster
from tests.stack.observe import wait_for_tunnel


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """The environment in which ``pulumi`` works; PLUGINS=official or standin forces one kind."""
    return prepare(os.environ.get("PLUGINS", "auto"))


@pytest.fixture(scope="session")
def first_up(lab: Lab, engine: dict[str, str]) -> Iterator[tuple[Deployment, str]]:
    """The example stack, deployed, and what the engine printed."""
    deployment = Deployment(lab, engine)
    deployment.check_out()
    deployment.configure()
    printed = deployment.up()
    yield deployment, printed
    deployment.destroy()


@pytest.fixture
def deployed(first_up: tuple[Deployment, str]) -> Iterator[Deployment]:
    """The running stack; its stack file is put back afterwards, and deployed if it had changed."""
    yield from _as_it_was(first_up[0])


@pytest.fixture(scope="session")
def first_up_on_cluster(
    lab: Lab, engine: dict[str, str], cluster: Cluster
) -> Iterator[tuple[Deployment, str]]:
    """The cluster's example stack, deployed, and what the engine printed."""
    deployment = for_cluster(lab, engine, cluster)
    deployment.check_out()
    deployment.configure_cluster(cluster.kubeconfig.read_text())
    printed = deployment.up()
    yield deployment, printed
    deployment.remove()


@pytest.fixture
def on_cluster(first_up_on_cluster: tuple[Deployment, str]) -> Iterator[Deployment]:
    """The same as `deployed`, on the cluster."""
    yield from _as_it_was(first_up_on_cluster[0])


def _as_it_was(deployment: Deployment) -> Iterator[Deployment]:
    before = deployment.stack_file.read_text()
    wait_for_tunnel(deployment.lab)
    yield deployment
    if deployment.stack_file.read_text() != before:
        deployment.stack_file.write_text(before)
        deployment.up()
