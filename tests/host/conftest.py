"""The NAS under test: as the lab brought it up, before and after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.rig import BRIDGE, IMAGE, Host
from tests.lab import Lab
from tests.lab.fixtures import prefix, unavailable


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    """A lab of its own: the stack that other tests deployed would be in the way."""
    if reason := unavailable():
        pytest.skip(reason)
    with Lab(prefix("h")) as lab:
        yield lab


@pytest.fixture(scope="package")
def nas(lab: Lab) -> Host:
    """The NAS, with newt's image on it."""
    host = Host(lab)
    host.sh(f"docker pull --quiet {IMAGE}")
    assert BRIDGE not in host.sh("ip link")
    return host


@pytest.fixture
def host(nas: Host) -> Iterator[Host]:
    """The same, clean again when the test is over."""
    yield nas
    nas.reset()
