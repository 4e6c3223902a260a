"""A machine with processes, mounts and control groups of its own: the NAS, a Kubernetes node.

Owns power on and off, and running commands inside. What the machine boots is its subclass's affair:
a program that becomes process 1 of the machine's namespaces.
"""

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .cgroups import ControlGroups
from .commands import LabError
from .network import Network
from .node import Node
from .processes import Processes, end, start_time

JOIN_GROUPS = Path(__file__).with_name("join_groups.sh")
MOUNT_GROUPS = Path(__file__).with_name("mount_groups.sh")
NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Machine(Node, ABC):
    def __init__(self, name: str, network: Network, processes: Processes, etc: Path) -> None:
        super().__init__(name, network.path(name), etc)
        self._processes = processes
        self._groups = ControlGroups(network.prefix, name)

    @abstractmethod
    def boot(self) -> tuple[list[str], Mapping[str, str]]:
        """What becomes process 1, and its environment."""

    @abstractmethod
    def has_booted(self, root: Path) -> bool:
        """Whether process 1, whose root folder is given, is on the machine's own file system.

        Until then what can be seen through it is the real machine's.
        """

    def power_on(self) -> None:
        command, environment = self.boot()
        self._processes.start(
            self.name,
            [
                *(str(JOIN_GROUPS), _lines(self._groups.create())),
                *("nsenter", f"--net={self._namespace}", "--"),
                # It stays as the parent of process 1, which does not outlive it.
                *("unshare", *NAMESPACES, "--fork", "--kill-child", "--", *command),
            ],
            env={"PATH": PATH, **environment},
        )

    def power_off(self) -> None:
        """As if the plug were pulled: every process of it is killed, containers included."""
        for child in self._children(self.name):
            if started := start_time(child):
                end(child, started, number=signal.SIGKILL)
        for name in self._processes.names():
            if name == self.name or name.startswith(self.process("")):
                self._processes.end(name)
        self._groups.remove()

    def init_pid(self) -> int | None:
        """The machine's process 1 as the real machine numbers it, once it has booted."""
        for child in self._children(self.name):
            with suppress(FileNotFoundError):  # it ended meanwhile
                if self.has_booted(Path(f"/proc/{child}/root/")):
                    return child
        return None

    def argv(self, command: Sequence[str]) -> list[str]:
        init = self.init_pid()
        if init is None:
            raise LabError(f"the machine {self.name} is off")
        # The command is a child of nsenter, in another pid namespace: it is to end with nsenter.
        return [
            *("nsenter", f"--target={init}", "--all", "--root", "--wd", "--"),
            *("setpriv", "--pdeathsig", "KILL", "--", *command),
        ]

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Starts a program that stays: one of the machine's services."""
        argv = [str(JOIN_GROUPS), _lines(self._groups.inhabited()), *self.argv(command)]
        self._processes.start(self.process(name), argv, env)

    def end(self, name: str, number: signal.Signals) -> None:
        """Ends what `start` started, by that signal to the program itself."""
        for child in self._children(self.process(name)):  # of nsenter, which ends with it
            if started := start_time(child):
                end(child, started, number=number)
        self._processes.end(self.process(name))

    def process(self, name: str) -> str:
        """Under which name what `start` started is known."""
        return f"{self.name}.{name}"

    def environment(self) -> dict[str, str]:
        return {"PATH": PATH, "HOME": "/root", "USER": "root", "LANG": "C.UTF-8", "TERM": "xterm"}

    def _children(self, process: str) -> list[int]:
        """Of a process that was started here. The one that powered the machine on has process 1
        in the end, and that of a service the service."""
        parent = self._processes.pid(process)
        with suppress(FileNotFoundError):  # it ended meanwhile, or was never started
            return [*map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]
        return []


def _lines(paths: Sequence[Path]) -> str:
    return "\n".join(map(str, paths))
