"""What the plugins' tests run on: a real sshd, a real Docker host, the real engine.

What cannot be had is skipped with a sentence saying why.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import packages
from tests.standins.dockerhost import DockerHost, docker_host
from tests.standins.sshd import Sshd, sshd

DAEMONS = ("dockerd", "docker", "nsenter", "setpriv", "busybox")


def _require(*programs: str) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root on Linux: it starts daemons of its own")
    if shutil.which("apt-get"):
        packages.ensure(print)
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    if missing := [program for program in programs if shutil.which(program, path=path) is None]:
        pytest.skip(f"needs {', '.join(missing)}")


@pytest.fixture(scope="package")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd that accepts no environment variable but ACCEPTED."""
    _require("sshd", "ssh", "setpriv")
    with sshd(tmp_path_factory.mktemp("sshd"), "AcceptEnv ACCEPTED") as server:
        yield server


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerHost]:
    """A Docker host in a network namespace of its own."""
    _require("sshd", "ssh", *DAEMONS)
    directory = tmp_path_factory.mktemp("docker")
    with docker_host(directory) as host:
        yield host
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty directory for a Pulumi project and its state."""
    (tmp_path / "state").mkdir()
    return tmp_path
