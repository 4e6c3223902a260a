"""A machine of the lab as the tests see it: somewhere to run commands.

Most machines are a network namespace, a host name and a few files in /etc over the real machine's
file system. The NAS, which has a file system and processes of its own, is in `nas.py`.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from .commands import TIMEOUT, LabError

ENTER = Path(__file__).with_name("enter.sh")
NSSWITCH = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n"


class Node:
    def __init__(self, name: str, namespace: Path, etc: Path) -> None:
        self.name = name
        self._namespace = namespace
        self._etc = etc

    def prepare(self, resolver: str) -> None:
        """Writes the machine's own files in /etc."""
        self._etc.mkdir(parents=True, exist_ok=True)
        for name, text in {
            "hosts": f"127.0.0.1 localhost {self.name}\n::1 localhost\n",
            "hostname": f"{self.name}\n",
            "resolv.conf": f"nameserver {resolver}\n",
            "nsswitch.conf": NSSWITCH,
        }.items():
            (self._etc / name).write_text(text)

    def argv(self, command: Sequence[str]) -> list[str]:
        """What to execute on the real machine so that `command` runs on this one.

        Every step replaces the one before, so the pid of what is started is the command's own.
        """
        if not self._namespace.exists():
            raise LabError(f"{self.name} is not up: run `python -m tests.lab up`")
        enter = ["nsenter", f"--net={self._namespace}", "--", "unshare", "--mount", "--uts", "--"]
        return [*enter, str(ENTER), self.name, str(self._etc), *command]

    def environment(self) -> dict[str, str]:
        """The environment in which commands run here."""
        return dict(os.environ)

    def run(
        self,
        command: Sequence[str],
        *,
        check: bool = True,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = TIMEOUT,
    ) -> subprocess.CompletedProcess[str]:
        """Runs `command` here; with `check`, fails showing what it said."""
        done = subprocess.run(
            self.argv(command),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            env={**self.environment(), **(env or {})},
            cwd=cwd,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise LabError(
                f"`{' '.join(command)}` on {self.name} failed ({done.returncode}): "
                f"{(done.stderr + done.stdout).strip()}"
            )
        return done

    def popen(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[Any] | None = subprocess.DEVNULL,
        stdout: int | IO[Any] | None = subprocess.PIPE,
        stderr: int | IO[Any] | None = subprocess.STDOUT,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[str]:
        """Starts `command` here; who calls this ends it."""
        return subprocess.Popen(
            self.argv(command),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
            env={**self.environment(), **(env or {})},
            cwd=cwd,
        )
