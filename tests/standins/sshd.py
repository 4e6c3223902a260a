"""A real sshd on 127.0.0.1 for the stand-ins' own tests: own port, host key and configuration.

Owns its start, its readiness and its end. Needs root: sshd logs in root with the key it is given.
"""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.standins.daemons import ENDS_WITH_US

READY_SECONDS = 30


@dataclass(frozen=True)
class Sshd:
    """A running server and what a client needs to reach it."""

    port: int
    host_key: str
    private_key: str
    key_file: Path
    pid: int


@contextlib.contextmanager
def sshd(directory: Path, *options: str, inside: tuple[str, ...] = ()) -> Iterator[Sshd]:
    """Runs sshd with its files in `directory`; `inside` is a command prefix such as `nsenter …`."""
    binary = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if binary is None:
        raise FileNotFoundError("sshd: install openssh-server")
    host_key, client_key = _key(directory / "host"), _key(directory / "client")
    authorized = directory / "authorized_keys"
    authorized.write_text(client_key.with_suffix(".pub").read_text())
    Path("/run/sshd").mkdir(exist_ok=True)  # sshd refuses to start without it
    port = _free_port()
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": host_key,
        "AuthorizedKeysFile": authorized,
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",
        "PidFile": "none",
        "UsePAM": "no",
    }
    config = directory / "sshd_config"
    lines = [f"{name} {value}" for name, value in settings.items()]
    config.write_text("\n".join([*options, *lines]) + "\n")  # sshd takes the first of two
    command = [*ENDS_WITH_US, *inside, binary, "-D", "-e", "-f", str(config)]
    with (directory / "sshd.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_until_ready(process, directory / "sshd.log")
        public = host_key.with_suffix(".pub").read_text().strip()
        yield Sshd(port, public, client_key.read_text(), client_key, process.pid)
    finally:
        process.terminate()
        process.wait(READY_SECONDS)


def _key(path: Path) -> Path:
    if not path.exists():
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
        subprocess.run(command, check=True)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while "Server listening" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"sshd does not listen:\n{log.read_text()}")
        time.sleep(0.02)
