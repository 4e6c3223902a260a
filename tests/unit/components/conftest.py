"""Fixtures of the component tests. What is read by many tests is deployed once."""

from __future__ import annotations

import warnings

import pytest

with warnings.catch_warnings():
    # The provider's SDK warns of its own deprecated CopyFile when it is imported, once.
    warnings.filterwarnings("ignore", "This resource is deprecated", DeprecationWarning)
    from pulumi_command.remote import Command  # noqa: F401

from tests.unit.components import examples
from tests.unit.components import k3s_home as cluster_example
from tests.unit.components import nas as host_example
from tests.unit.components.examples import EXAMPLES, Example
from tests.unit.components.recording import Recording


@pytest.fixture(params=EXAMPLES, ids=lambda example: example.STACK)
def example(request: pytest.FixtureRequest) -> Example:
    """Each of the example stacks: a test that takes it runs once for each platform."""
    found: Example = request.param
    return found


@pytest.fixture
def deployed(example: Example) -> Recording:
    """The example, where there is nothing of it yet."""
    return examples.deployed(example)


@pytest.fixture
def previewed(example: Example) -> Recording:
    """Its first preview."""
    return examples.deployed(example, preview=True)


@pytest.fixture(scope="session")
def nas() -> Recording:
    """The example stack on a host that has no rules yet."""
    return examples.deployed(host_example)


@pytest.fixture(scope="session")
def preview() -> Recording:
    """The first preview of the example stack."""
    return examples.deployed(host_example, preview=True)


@pytest.fixture(scope="session")
def k3s_home() -> Recording:
    """The example stack of a cluster, in one that has nothing of it yet."""
    return examples.deployed(cluster_example)


@pytest.fixture(scope="session")
def k3s_preview() -> Recording:
    """Its first preview."""
    return examples.deployed(cluster_example, preview=True)
