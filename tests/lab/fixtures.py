"""The lab as pytest fixtures: load this as a plugin (`-p tests.lab.fixtures`), never import it.

Imported from two conftests there would be two labs of one name, each removing the other.
"""

import os
import sys
from collections.abc import Iterator

import pytest

from . import Lab
from .commands import LabError, check
from .docker_engines import NEWEST, DockerEngine, chosen

# Not the demo's, which stays up for a look.
PREFIX = "nttest"


def prefix(purpose: str = "") -> str:
    """The name of this process's lab: tests run side by side, each process with labs of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    return f"{os.environ.get('NEWT_LAB') or PREFIX}{worker}{purpose}"


def new_lab(purpose: str = "", engine: DockerEngine | None = None) -> Lab:
    """A lab of this process's own; its NAS runs the newest Docker engine unless one is named."""
    return Lab(prefix(purpose), engine=engine or chosen(NEWEST))


def unavailable() -> str | None:
    """Why the lab cannot run here, as a sentence; None when it can."""
    if sys.platform != "linux":
        return "the lab needs Linux: it is made of network namespaces"
    if os.geteuid() != 0:
        return "the lab needs root: it makes network namespaces and runs a Docker of its own"
    try:
        check(["unshare", "--mount", "--net", "--pid", "--fork", "true"])
    except (LabError, FileNotFoundError) as error:
        return f"the lab cannot make namespaces on this machine: {error}"
    return None


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The post's network, up for all tests of a session: leave it as you found it."""
    if reason := unavailable():
        pytest.skip(reason)
    with new_lab() as lab:
        yield lab
