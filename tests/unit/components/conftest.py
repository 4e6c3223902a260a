"""Fixtures of the component tests. What is read by many tests is deployed once."""

from __future__ import annotations

import warnings

import pytest

with warnings.catch_warnings():
    # The provider's SDK warns of its own deprecated CopyFile when it is imported, once.
    warnings.filterwarnings("ignore", "This resource is deprecated", DeprecationWarning)
    from pulumi_command.remote import Command  # noqa: F401

from tests.unit.components import k3s_home as cluster_example
from tests.unit.components.nas import deploy
from tests.unit.components.recording import Recording


@pytest.fixture(scope="session")
def nas() -> Recording:
    """The example stack on a host that has no rules yet."""
    return deploy()


@pytest.fixture(scope="session")
def preview() -> Recording:
    """The first preview of the example stack."""
    return deploy(preview=True)


@pytest.fixture(scope="session")
def k3s_home() -> Recording:
    """The example stack of a cluster, in one that has nothing of it yet."""
    return cluster_example.deploy()


@pytest.fixture(scope="session")
def k3s_preview() -> Recording:
    """Its first preview."""
    return cluster_example.deploy(preview=True)
