"""The NAS that faults happen to: a lab of its own, because Docker and the host go down in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.rig import IMAGE, Host
from tests.lab.fixtures import new_lab, unavailable


@pytest.fixture(scope="package")
def host() -> Iterator[Host]:
    if reason := unavailable():
        pytest.skip(reason)
    with new_lab("f") as lab:
        host = Host(lab)
        host.sh(f"docker pull --quiet {IMAGE}")
        yield host
