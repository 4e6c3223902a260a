"""How the Docker host is reached: one description for the command provider, the Docker provider and
our own look.

No path of the deploying machine occurs in it, so that a stack can be deployed from another
workstation without a diff: keys come from the ssh agent (or ssh's own defaults), and the pinned
host key travels on the command line.
"""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from typing import Self

from newt_tunnel.settings.docker import Docker

CONNECT_SECONDS = 5
#: Exit status of ssh for its own failures, as opposed to those of the remote command.
SSH_FAILED = 255
_LOOK_SECONDS = 30


class UnreachableError(Exception):
    """The host did not answer, or refused the connection: its state is not known."""


class HostKeyError(Exception):
    """The host answered with another key than the pinned one."""


@dataclass(frozen=True, kw_only=True)
class SshHost:
    """The Docker host as ssh sees it. ``host_key`` is ``<type> <base64>``; ``sudo`` says how to
    become root there.
    """

    address: str
    port: int
    user: str
    host_key: str
    sudo: bool

    @classmethod
    def of(cls, docker: Docker) -> Self:
        """The host of a stack file's section."""
        return cls(
            address=str(docker.address),
            port=docker.port,
            user=docker.user,
            host_key=docker.host_key,
            sudo=docker.sudo,
        )

    @property
    def url(self) -> str:
        return f"ssh://{self.user}@{self.address}:{self.port}"

    @property
    def needs_sudo(self) -> bool:
        return self.sudo and self.user != "root"

    @property
    def options(self) -> list[str]:
        """Options of the OpenSSH client (8.5 or later) that trust the pinned host key and nothing
        else.
        """
        key_type = self.host_key.split()[0]
        return [
            *("-o", "BatchMode=yes"),
            *("-o", f"ConnectTimeout={CONNECT_SECONDS}"),
            *("-o", "StrictHostKeyChecking=yes"),
            *("-o", "UserKnownHostsFile=/dev/null"),
            *("-o", "GlobalKnownHostsFile=/dev/null"),
            *("-o", f"HostKeyAlgorithms={key_type}"),
            # A known_hosts line without a file: the same text on every machine.
            *("-o", f"KnownHostsCommand=/bin/echo %H {self.host_key}"),
        ]

    def as_root(self, command: str) -> str:
        """``command`` as root on the host. sudo never prompts: it runs without a terminal."""
        if not self.needs_sudo:
            return command
        refusal = (
            f"sudo asks {self.user} for a password: allow it without one, "
            "or set docker.user to root"
        )
        return f"sudo -n true || {{ echo {shlex.quote(refusal)} >&2; exit 1; }}; sudo -n {command}"

    def look(self, command: str) -> str:
        """Run a command that changes nothing, as root, and return what it printed.

        Raises ``UnreachableError`` or ``HostKeyError`` if there is no connection, ``RuntimeError``
        if the command itself fails.
        """
        return self._output(self.as_root(command), stdin="")

    def look_with(self, script: str, *words: str) -> str:
        """Run a shell script that changes nothing, as the user who logs in, and return what it
        printed. ``words`` are its arguments. Raises like ``look``.
        """
        return self._output(shlex.join(("sh", "-s", "--", *words)), stdin=script)

    def command(self, remote: str) -> list[str]:
        """Return the words that run ``remote`` on the host."""
        return ["ssh", *self.options, "-p", str(self.port), f"{self.user}@{self.address}", remote]

    def _output(self, remote: str, *, stdin: str) -> str:
        try:
            done = subprocess.run(
                self.command(remote),
                input=stdin,
                capture_output=True,
                text=True,
                timeout=_LOOK_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise UnreachableError(
                "there is no ssh client on this machine: install OpenSSH 8.5 or later"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise UnreachableError(f"no answer within {_LOOK_SECONDS} s") from error
        complaint = done.stderr.strip()
        if done.returncode == SSH_FAILED:
            if "Host key verification failed" in complaint or "no matching host key" in complaint:
                raise HostKeyError(complaint.splitlines()[-1])
            raise UnreachableError(_explained(complaint))
        if done.returncode != 0:
            raise RuntimeError(complaint or f"exit status {done.returncode}")
        return done.stdout


def _explained(complaint: str) -> str:
    """Return ssh's last line, with a remedy for the two errors that have none."""
    last = complaint.splitlines()[-1] if complaint else "ssh failed without a word"
    if "Permission denied" in complaint:
        return f"{last} Load a key that the host accepts into your ssh agent (ssh-add)"
    if "knownhostscommand" in complaint.lower():
        return f"{last} The ssh client is too old: install OpenSSH 8.5 or later"
    return last
