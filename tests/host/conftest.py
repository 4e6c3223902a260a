"""The NAS under test: as the lab brought it up, before and after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.rig import BRIDGE, IMAGE, Host
from tests.lab import Lab


@pytest.fixture(scope="session")
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
