"""A real Docker host for the Docker plugin's own tests: dockerd and sshd in a network namespace.

Owns the namespace, both daemons and one image made of busybox, and takes all of it away again. What
talks to the host runs inside the namespace too (`inside`), which has no uplink. Needs root on
Linux, with docker.io, openssh-server and busybox-static installed.
"""

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.standins.daemons import ENDS_WITH_US
from tests.standins.sshd import Sshd, sshd

READY_SECONDS = 30
IMAGE = "standin/busybox:1"
APPLETS = ("sh", "sleep", "cat", "true", "false", "id", "ls")


@dataclass(frozen=True)
class DockerHost:
    """A running host; commands reach it through the `inside` prefix."""

    sshd: Sshd
    inside: tuple[str, ...]
    socket: Path

    def docker(self, *arguments: str) -> str:
        """Runs Docker's own client, to look at what the plugin did."""
        command = ["docker", "-H", f"unix://{self.socket}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stderr}")
        return done.stdout.strip()


@contextlib.contextmanager
def docker_host(directory: Path) -> Iterator[DockerHost]:
    """Runs the host with its files in `directory`."""
    namespace = f"sd-{os.getpid()}"
    inside = ("nsenter", f"--net=/run/netns/{namespace}", "--")
    with contextlib.ExitStack() as stack:
        _ip("netns", "add", namespace)
        stack.callback(_ip, "netns", "del", namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
        socket = stack.enter_context(_dockerd(directory, inside))
        variable = f"SetEnv DOCKER_HOST=unix://{socket}"
        (directory / "ssh").mkdir()
        server = stack.enter_context(sshd(directory / "ssh", variable, inside=inside))
        host = DockerHost(server, inside, socket)
        _make_image(host)
        yield host


@contextlib.contextmanager
def _dockerd(directory: Path, inside: tuple[str, ...]) -> Iterator[Path]:
    socket, log = directory / "docker.sock", directory / "dockerd.log"
    command = [
        *(*ENDS_WITH_US, *inside, "unshare", "--mount", "--", "dockerd"),
        *("--data-root", str(directory / "data")),
        *("--exec-root", str(directory / "exec")),
        *("--pidfile", str(directory / "docker.pid")),
        *("--host", f"unix://{socket}"),
        *("--bip", "172.31.250.1/24"),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait_for_daemon(process, socket, log)
        yield socket
    finally:
        process.terminate()
        process.wait(READY_SECONDS)


def _wait_for_daemon(process: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while "API listen on" not in log.read_text() or not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"dockerd does not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def _make_image(host: DockerHost) -> None:
    """Busybox and links to it, imported: there is no registry."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise FileNotFoundError("busybox: install busybox-static")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(os.path.realpath(busybox), "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    command = ["docker", "-H", f"unix://{host.socket}", "import", "-", IMAGE]
    subprocess.run(command, input=buffer.getvalue(), capture_output=True, check=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
