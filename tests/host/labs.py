"""The lab of the tests of a Docker host, with whatever engine they ask for."""

from __future__ import annotations

from tests.host.rig import BRIDGE, IMAGE, Host
from tests.lab import Lab
from tests.lab.docker_engines import DockerEngine
from tests.lab.fixtures import new_lab


class Labs:
    """A lab of its own, because the stack that other tests deployed would be in the way; another
    one whenever another engine is asked for."""

    def __init__(self) -> None:
        self._lab: Lab | None = None
        self._host: Host | None = None

    def host(self, engine: DockerEngine) -> Host:
        """The NAS with that engine, and with newt's image on it."""
        if self._host is None or self._host.lab.docker_engine is not engine:
            self.close()
            self._lab = new_lab("h", engine)
            self._lab.up()
            self._host = Host(self._lab)
            self._host.sh(f"docker pull --quiet {IMAGE}")
            assert BRIDGE not in self._host.sh("ip link")
        return self._host

    def close(self) -> None:
        if self._lab is not None:
            self._lab.down()
        self._lab = self._host = None
