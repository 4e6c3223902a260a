"""What the stack costs at the workstation: `pulumi up` after a changed allow-list, the SSH
connections that it opens, and `pulumi preview` without a change beside that of an empty program.

All of it is deployed from the lab's workstation to the lab's NAS. The empty program imports the
same SDKs and starts the same plugins; the state of every stack is in the same backend.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from newt_tunnel.docker_host.state import check_command
from tests.bench.figures import CONNECTIONS, EMPTY, LOOK, LOOKS, NFTABLES, PREVIEW, UP
from tests.bench.samples import Samples
from tests.deployment import Checkout, Deployment
from tests.lab import Lab
from tests.lab.topology import NAS_ADDRESS
from tests.lab.workstation import Workstation
from tests.stack.observe import on_nas, wait_for_tunnel

UP_SIZES = (10, 100, 500)
PREVIEW_SIZES = (10, 500)
#: Ports of one machine that answers at once that nothing listens there: the proof need not wait.
_ADDRESS, _FIRST_PORT = "10.0.1.50", 10000
_ACCEPTED = "journalctl --unit ssh --no-pager | grep -c 'Accepted publickey' || :"
_PROJECT = (
    "name: {name}\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: .venv}}}}\n"
)
_EMPTY_PROGRAM = f"""\
import pulumi_command
import pulumi_docker
from pulumi_command import remote

pulumi_command.Provider("command")
pulumi_docker.Provider("docker", host="ssh://root@{NAS_ADDRESS}:22")
"""


class Beside(Checkout):
    """A project of one program, to be measured beside ours; project and stack have one name."""

    def __init__(self, workstation: Workstation, env: Mapping[str, str], name: str) -> None:
        super().__init__(workstation, env, stack=name, state=workstation.state)
        self.folder = workstation.home / name

    def write(self, program: str) -> None:
        self.folder.mkdir()
        (self.folder / "Pulumi.yaml").write_text(_PROJECT.format(name=self.stack))
        (self.folder / "__main__.py").write_text(program)
        (self.folder / ".venv").symlink_to(sys.prefix)
        self.pulumi("stack", "init", self.stack)

    def remove(self) -> None:
        super().remove()
        shutil.rmtree(self.folder)


class Stacks:
    """``with Stacks(lab, engine) as stacks``: our stack and the empty one, deployed."""

    def __init__(self, lab: Lab, engine: Mapping[str, str]) -> None:
        self._lab = lab
        self._ours = Deployment(lab, engine)
        #: With the plugins of ours and nothing of what they make.
        self._empty = Beside(lab.workstation, engine, "empty")
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Stacks:
        try:
            self._empty.write(_EMPTY_PROGRAM)
            self._held.callback(self._empty.remove)
            self._empty.up()
            self._ours.check_out()
            self._ours.configure()
            docker = self._ours.setting("docker")
            # Room for a list of 500 and the rest; the proof tries the allow-list, and no more.
            self._ours.edit(docker=docker | {"firewall": NFTABLES})
            self._ours.up()
            self._held.callback(self._ours.destroy)
            wait_for_tunnel(self._lab)
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def measure(self, samples: Samples) -> None:
        """One round: every length of the list once."""
        for size in UP_SIZES:
            self._ours.edit(egress=entries(size))
            seconds, connections = self._measured(self._ours.up)
            samples.add(UP, NFTABLES, size, "s", seconds)
            samples.add(CONNECTIONS, NFTABLES, size, "connections", connections)
            if size in PREVIEW_SIZES:
                self._measure_preview(samples, size)

    def _measure_preview(self, samples: Samples, size: int) -> None:
        empty, _ = self._measured(self._empty.preview, "--expect-no-changes")
        seconds, connections = self._measured(self._ours.preview, "--expect-no-changes")
        look, _ = self._measured(self._look)
        samples.add(PREVIEW, EMPTY, size, "s", empty)
        samples.add(PREVIEW, NFTABLES, size, "s", seconds)
        samples.add(LOOKS, NFTABLES, size, "connections", connections)
        samples.add(LOOK, NFTABLES, size, "s", look)

    def _look(self) -> None:
        workstation = self._ours.workstation
        command = check_command("nas")
        workstation.run(["ssh", f"root@{NAS_ADDRESS}", command], env=self._ours.environment)

    def _measured(self, act: Callable[..., Any], *words: str) -> tuple[float, int]:
        """Seconds that it took, and how many connections the NAS's sshd accepted meanwhile."""
        before, started = self._accepted(), time.monotonic()
        act(*words)
        seconds = time.monotonic() - started
        return seconds, self._accepted() - before

    def _accepted(self) -> int:
        return int(on_nas(self._lab, _ACCEPTED))


def entries(count: int) -> list[dict[str, Any]]:
    return [
        {"name": f"filler-{number:04}", "host": _ADDRESS, "port": _FIRST_PORT + number}
        for number in range(count)
    ]
