"""Kubernetes nodes, one for all tests that need it: a test leaves it as it found it.

They go when this folder's tests are over: a node that nobody uses takes a tenth of a processor.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.engine.prepare import prepare
from tests.engine.versions import PLUGINS_OF
from tests.lab import Lab
from tests.lab.kubernetes import Cluster


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """The environment in which ``pulumi`` works; PLUGINS=official or standin forces one kind."""
    return prepare(os.environ.get("PLUGINS", "auto"), PLUGINS_OF["k3s-home"])


@pytest.fixture(scope="package")
def cluster(lab: Lab) -> Iterator[Cluster]:
    """A node that enforces NetworkPolicies."""
    with Cluster(lab) as cluster:
        yield cluster


@pytest.fixture(scope="package")
def open_cluster(lab: Lab) -> Iterator[Cluster]:
    """A node without an enforcer: NetworkPolicies are a silent no-op."""
    with Cluster(lab, enforcer=False) as cluster:
        yield cluster
