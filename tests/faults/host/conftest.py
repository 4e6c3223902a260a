"""The NAS that faults happen to: a lab of its own, because Docker and the host go down in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.rig import IMAGE, Host
from tests.lab import Lab
from tests.lab.fixtures import prefix, unavailable


@pytest.fixture(scope="package")
def host() -> Iterator[Host]:
    if reason := unavailable():
        pytest.skip(reason)
    with Lab(prefix("f")) as lab:
        host = Host(lab)
        host.sh(f"docker pull --quiet {IMAGE}")
        yield host
