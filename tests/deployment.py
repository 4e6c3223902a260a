"""A user's checkout on the lab's workstation: the program, its stack file, and the real `pulumi`.

Owns the copy of the program (so that the tree stays clean and no secret is ever written into it)
and the commands a user types. What the lab consists of is `tests.lab`, which engine runs
`tests.engine`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from newt_tunnel.stackfile.repository import PROGRAM
from tests.lab import Lab
from tests.lab.workstation import Workstation

REPOSITORY = Path(__file__).parents[1]
TODAY = tuple(REPOSITORY / name for name in PROGRAM)
PROJECT = "newt-tunnel"
#: A hanging engine must not hang the tests.
SECONDS = 300


class Checkout:
    """One stack, and the commands of its user. ``env`` comes from ``tests.engine.prepare``."""

    def __init__(
        self, workstation: Workstation, env: Mapping[str, str], *, stack: str, state: Path
    ) -> None:
        self.stack = stack
        self.workstation = workstation
        self.backend = state
        self.folder = self.workstation.home / PROJECT
        self.stack_file = self.folder / "stacks" / f"Pulumi.{stack}.yaml"
        self._env = {**env, "PULUMI_BACKEND_URL": f"file://{state}"}

    @property
    def environment(self) -> dict[str, str]:
        """For an interactive shell in the checkout."""
        return self.workstation.environment() | self._env

    def check_out(self, program: Iterable[Path] = TODAY) -> None:
        """Copy the program; the virtual environment is shared with the repository's."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for source in program:
            if source.is_dir():
                skip = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, self.folder / source.name, ignore=skip)
            else:
                shutil.copy(source, self.folder)
        (self.folder / ".venv").symlink_to(sys.prefix)

    def change_program(self, program: Iterable[Path] = TODAY) -> None:
        """Check out another program in the place of this one; the stack file stays."""
        stack_file = self.stack_file.read_text()
        self.check_out(program)
        self.stack_file.write_text(stack_file)

    def set_secret(self, key: str, value: str) -> None:
        self.pulumi("config", "set", "--secret", key, stdin=value)

    def edit(self, **keys: Any) -> None:
        """Replace top-level keys of the stack file; None removes one. Comments do not survive."""
        document = yaml.safe_load(self.stack_file.read_text())
        for key, value in keys.items():
            if value is None:
                document["config"].pop(f"{PROJECT}:{key}", None)
            else:
                document["config"][f"{PROJECT}:{key}"] = value
        self.stack_file.write_text(yaml.safe_dump(document, sort_keys=False))

    def setting(self, key: str) -> Any:
        return yaml.safe_load(self.stack_file.read_text())["config"][f"{PROJECT}:{key}"]

    def pulumi(
        self,
        *arguments: str,
        stdin: str | None = None,
        check: bool = True,
        timeout: float = SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """``pulumi ARGUMENTS --stack STACK``; both streams in ``stdout``, as in a terminal."""
        command = ["pulumi", *arguments, "--non-interactive"]
        if arguments[:2] != ("stack", "init"):
            command += ["--stack", self.stack]
        done = subprocess.run(
            self.workstation.argv(command),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
            cwd=self.folder,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"pulumi {' '.join(arguments)} failed:\n{done.stdout}")
        return done

    def up(self, *options: str, check: bool = True) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *options, check=check).stdout

    def preview(self, *options: str, check: bool = True) -> str:
        return self.pulumi("preview", *options, check=check).stdout

    def destroy(self, *options: str, check: bool = True) -> str:
        return self.pulumi("destroy", "--yes", "--skip-preview", *options, check=check).stdout

    def remove(self) -> None:
        """Everything the stack made, and the stack itself."""
        self.destroy()
        self.pulumi("stack", "rm", "--yes", "--force")

    def outputs(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json").stdout)
        return answer


class Deployment(Checkout):
    """A checkout on one of the lab's workstations; the state is the same for all of them."""

    def __init__(
        self,
        lab: Lab,
        env: Mapping[str, str],
        *,
        workstation: Workstation | None = None,
        stack: str = "nas",
    ) -> None:
        super().__init__(
            workstation or lab.workstation, env, stack=stack, state=lab.workstation.state
        )
        self.lab = lab

    def configure(self) -> None:
        """What the README asks of a user: a stack, the host key, the secrets."""
        self.pulumi("stack", "init", self.stack)
        host_key = " ".join(self.lab.nas.host_key.split()[:2])
        self.pulumi("config", "set", "--path", "docker.hostKey", host_key)
        self.pulumi("config", "set", "newtId", self.lab.pangolin.newt_id)
        self.set_secret("newtSecret", self.lab.pangolin.newt_secret)
        self.set_secret("sshPrivateKey", self.lab.agent.key.read_text())

    def configure_cluster(self, kubeconfig: str) -> None:
        """The same for a cluster."""
        self.pulumi("stack", "init", self.stack)
        self.pulumi("config", "set", "newtId", self.lab.pangolin.newt_id)
        self.set_secret("newtSecret", self.lab.pangolin.newt_secret)
        self.set_secret("kubeconfig", kubeconfig)

    def state(self) -> str:
        """The state file as it is stored, secrets encrypted."""
        files = sorted(self.backend.rglob(f"{self.stack}.json"))
        return "\n".join(file.read_text() for file in files)
