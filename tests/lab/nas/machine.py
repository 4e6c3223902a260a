"""The NAS: a machine of its own, with a file system, processes, users, sshd and Docker.

Owns power on and off, and running commands inside. What is on its disk is `disk.py`.
"""

import http
import http.client
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..commands import LabError
from ..network import Network
from ..node import Node
from ..processes import Processes, end, start_time
from .cgroups import ControlGroups
from .disk import HOSTNAME, Disk

BOOT = Path(__file__).with_name("boot.sh")
POWER_ON = Path(__file__).with_name("power_on.sh")
BOOT_TIMEOUT = 60.0
POLL = 0.05
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Nas(Node):
    def __init__(self, disk: Disk, network: Network, processes: Processes) -> None:
        super().__init__(HOSTNAME, network.path(HOSTNAME), disk.folder)
        self.disk = disk
        self._network = network
        self._processes = processes
        self._groups = ControlGroups(network.prefix)

    @property
    def host_key(self) -> str:
        return self.disk.host_key

    def power_on(self) -> None:
        overlays = "\n".join(f"{where} {options}" for where, options in self.disk.mounts())
        groups = "\n".join(map(str, self._groups.create()))
        self._processes.start(
            HOSTNAME,
            [
                *(str(POWER_ON), str(self._namespace), groups),
                *(str(BOOT), str(self.disk.folder), HOSTNAME),
            ],
            env={"PATH": PATH, "OVERLAYS": overlays},
        )

    def power_off(self) -> None:
        """As if the plug were pulled: every process of it is killed, containers included."""
        for child in self._children():
            if started := start_time(child):
                end(child, started, number=signal.SIGKILL)
        self._processes.end(HOSTNAME)
        self._groups.remove()

    def wait_ready(self) -> None:
        """Returns when sshd and Docker answer."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        for what, ready in (("sshd", self._sshd_answers), ("dockerd", self._docker_answers)):
            while not ((init := self._init_pid()) and ready(Path(f"/proc/{init}/root"))):
                if self._processes.pid(HOSTNAME) is None:
                    raise LabError(f"the NAS is off: {self._processes.last_words(HOSTNAME)}")
                if time.monotonic() > deadline:
                    raise LabError(
                        f"{what} on the NAS does not answer after {BOOT_TIMEOUT:.0f} s: "
                        f"see {self._processes.log(HOSTNAME)} and {self.disk.path('var/log')}"
                    )
                time.sleep(POLL)

    def argv(self, command: Sequence[str]) -> list[str]:
        init = self._init_pid()
        if init is None:
            raise LabError("the NAS is off: run `python -m tests.lab up`")
        # The command is a child of nsenter, in another pid namespace: it is to end with nsenter.
        return [
            *("nsenter", f"--target={init}", "--all", "--root", "--wd", "--"),
            *("setpriv", "--pdeathsig", "KILL", "--", *command),
        ]

    def environment(self) -> dict[str, str]:
        return {"PATH": PATH, "HOME": "/root", "USER": "root", "LANG": "C.UTF-8", "TERM": "xterm"}

    def _children(self) -> list[int]:
        """Of the process that was started to power the NAS on: at the end, the NAS's process 1."""
        parent = self._processes.pid(HOSTNAME)
        with suppress(FileNotFoundError):  # it ended meanwhile, or was never started
            return [*map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]
        return []

    def _init_pid(self) -> int | None:
        """The NAS's process 1 as this machine numbers it, once it is on its own file system.

        Until then what can be seen through it is the machine's: its sshd, its Docker.
        """
        for child in self._children():
            with suppress(FileNotFoundError):  # it ended meanwhile
                if Path(f"/proc/{child}/root/").stat().st_dev != Path("/").stat().st_dev:
                    return child
        return None

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
