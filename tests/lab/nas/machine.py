"""The NAS: a machine of its own, with a file system, users, sshd and Docker.

Owns what it boots and when it is ready. What is on its disk is `disk.py`.
"""

import http
import http.client
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from ..commands import LabError
from ..docker_engines import DockerEngine
from ..machine import MOUNT_GROUPS, Machine
from ..network import Network
from ..processes import Processes
from .disk import DOCKER_SETTINGS, HOSTNAME, Disk, docker_settings, placed_programs

BOOT = Path(__file__).with_name("boot.sh")
BOOT_TIMEOUT = 60.0
POLL = 0.05


class Nas(Machine):
    def __init__(
        self, disk: Disk, network: Network, processes: Processes, engine: DockerEngine
    ) -> None:
        super().__init__(HOSTNAME, network, processes, disk.folder)
        self.disk = disk
        self.docker_engine = engine

    @property
    def host_key(self) -> str:
        return self.disk.host_key

    def boot(self) -> tuple[list[str], Mapping[str, str]]:
        overlays = "\n".join(f"{where} {options}" for where, options in self.disk.mounts())
        command = [str(BOOT), str(self.disk.folder), HOSTNAME, str(MOUNT_GROUPS)]
        forwarding = {"FORWARDING": "yes"} if self.docker_engine.nftables else {}
        return command, {"OVERLAYS": overlays, **forwarding}

    def has_booted(self, root: Path) -> bool:
        return root.stat().st_dev != Path("/").stat().st_dev

    def wait_ready(self) -> None:
        """Returns when sshd and Docker answer."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        for what, ready in (("sshd", self._sshd_answers), ("dockerd", self._docker_answers)):
            while not ((init := self.init_pid()) and ready(Path(f"/proc/{init}/root"))):
                if self._processes.pid(HOSTNAME) is None:
                    raise LabError(f"the NAS is off: {self._processes.last_words(HOSTNAME)}")
                if time.monotonic() > deadline:
                    raise LabError(
                        f"{what} on the NAS does not answer after {BOOT_TIMEOUT:.0f} s: "
                        f"see {self._processes.log(HOSTNAME)} and {self.disk.path('var/log')}"
                    )
                time.sleep(POLL)

    def upgrade(self, engine: DockerEngine) -> None:
        """Puts another engine in the place of the one that runs, as a package does it: Docker ends,
        its programs and its settings are replaced, and it starts again."""
        docker = ["docker.socket", "docker.service", "containerd.service"]
        self.run(["systemctl", "stop", *docker])
        root = Path(f"/proc/{self.init_pid()}/root")
        for program, place in placed_programs(engine):
            new = root / f"{place}.new"
            shutil.copyfile(program, new)
            new.chmod(0o755)
            new.replace(root / place)
        (root / DOCKER_SETTINGS).write_text(docker_settings(engine))
        self.docker_engine = engine
        self.run(["systemctl", "start", *docker])
        self.wait_ready()

    def _sshd_answers(self, root: Path) -> bool:
        return (root / "run/sshd.pid").exists()

    def _docker_answers(self, root: Path) -> bool:
        connection = http.client.HTTPConnection("nas", timeout=BOOT_TIMEOUT)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(BOOT_TIMEOUT)
        try:
            connection.sock.connect(str(root / "run/docker.sock"))
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()
