"""Where `pulumi` runs: a machine with a home, an SSH key in an agent, and a state backend.

Owns the environment of a person at work there. Which programs are on PATH is the caller's affair:
the workstation sees the real machine's file system.
"""

import os
import socket
import time
from pathlib import Path

from .commands import LabError, check
from .node import Node
from .processes import Processes

NAME = "ssh-agent"
START_TIMEOUT = 5.0
POLL = 0.01
PASSPHRASE = "lab"  # of the stack's secrets: nothing outside the lab is protected by it


class Agent:
    """ssh-agent holding the lab's one user key; all workstations share it."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self._folder = folder
        self._processes = processes
        self.socket = folder / "agent.sock"
        self.key = folder / "id_ed25519"

    @property
    def public_key(self) -> str:
        return self.key.with_suffix(".pub").read_text().strip()

    def create_key(self) -> None:
        self._folder.mkdir(parents=True)
        comment = ["-C", "newt-tunnel lab"]
        check(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", *comment, "-f", str(self.key)])

    def start(self) -> None:
        """Returns when the agent holds the key."""
        self._processes.start(NAME, ["ssh-agent", "-D", "-a", str(self.socket)])
        deadline = time.monotonic() + START_TIMEOUT
        while not self._listens():
            if time.monotonic() > deadline:
                raise LabError(f"ssh-agent does not start: {self._processes.last_words(NAME)}")
            time.sleep(POLL)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(self.socket)}
        check(["ssh-add", "-q", str(self.key)], env=environment)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0


class Workstation(Node):
    def __init__(self, name: str, namespace: Path, folder: Path, agent: Agent) -> None:
        super().__init__(name, namespace, folder / "etc")
        self._agent = agent
        self.home = folder / "home"
        self.state = folder / "state"

    def prepare(self, resolver: str) -> None:
        super().prepare(resolver)
        self.home.mkdir()
        self.state.mkdir()
        (self.home / ".ssh").mkdir(mode=0o700)
        # ssh asks the password database, not HOME, where its user is at home.
        (self._etc / "passwd").write_text(_with_home(self.home))

    def trust(self, host: str, key: str) -> None:
        """Knows the host's key, as after a first connection by hand."""
        with (self.home / ".ssh/known_hosts").open("a") as file:
            file.write(f"{host} {key}\n")

    def environment(self) -> dict[str, str]:
        """The caller's environment, without what belongs to the caller's own home, Pulumi and
        Python.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PULUMI_", "SSH_", "DOCKER_", "XDG_", "PYTHON"))
        }
        return {
            **kept,
            "HOME": str(self.home),
            "SSH_AUTH_SOCK": str(self._agent.socket),
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        }


def _with_home(home: Path) -> str:
    """The machine's users, root at home elsewhere."""
    users = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    for user in users:
        if user[0] == "root":
            user[5] = str(home)
    return "".join(":".join(user) + "\n" for user in users)
