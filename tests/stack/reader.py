"""Someone who has the README, a workstation of the lab and their own values, and nothing else.

Owns the fresh workstation, the clone on it, and how the README is followed: its lines are typed as
they are printed, with the reader's values in the place of the example's.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests import readme
from tests.deployment import REPOSITORY
from tests.lab import Lab
from tests.lab.server import Target
from tests.lab.topology import DOMAIN_PANGOLIN, PANGOLIN_ADDRESS, RESOLVER_ADDRESS
from tests.lab.workstation import Workstation
from tests.readme import Substitutions
from tests.stack.observe import wait_for_tunnel
from tests.stack.terminal import Terminal
from tests.stack.wheels import wheels

PASSPHRASE = "of the reader"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LISTENER = 7200
_KNOCK = re.compile(r"\bnc -w \d+ (\S+) (\d+)")


def site(lab: Lab) -> dict[str, str]:
    """What a reader writes for the example's site."""
    return {
        "pangolin.example.com": DOMAIN_PANGOLIN,
        "203.0.113.10": PANGOLIN_ADDRESS,
        "2ix2t8xk22ubpfy": lab.pangolin.newt_id,
    }


def by_hand(lab: Lab) -> dict[str, str]:
    """What a reader is asked who makes the stack without the wizard."""
    return {
        "Enter your passphrase to protect config/secrets:": PASSPHRASE,
        "Re-enter your passphrase to confirm:": PASSPHRASE,
        r"(?m:^)value:": lab.pangolin.newt_secret,
    }


@dataclass(frozen=True, kw_only=True)
class Part:
    """What the README says to the readers of one platform."""

    heading: str
    stack: str
    #: Where the heading is.
    page: Path = readme.README
    #: Begins the commands under Verify that are for this platform alone, and the other's.
    tool: str
    others: str


class Reader:
    """``values``: what this reader writes for the example's; ``answers``: what they type when asked
    something, in addition to what every reader is asked."""

    def __init__(
        self,
        lab: Lab,
        engine: Mapping[str, str],
        folder: Path,
        part: Part,
        *,
        values: Mapping[str, str],
        answers: Mapping[str, str] | None = None,
    ) -> None:
        self.lab = lab
        self.part = part
        # At the second workstation's place in the network, with a home where nothing is known yet.
        name = lab.workstation2.name
        self.machine = Workstation(name, lab.network.path(name), folder / "machine", lab.agent)
        self.machine.prepare(RESOLVER_ADDRESS)
        self.clone = self.machine.home / "newt-tunnel"
        self._engine = engine
        (self.machine.home / ".pulumi").mkdir()
        # The engine downloads them for a reader who has an uplink.
        plugins = Path(engine["PULUMI_HOME"]) / "plugins"
        (self.machine.home / ".pulumi" / "plugins").symlink_to(plugins)
        self.substitutions = Substitutions(
            {"REPOSITORY": str(published(folder / "published")), **values}
        )
        self._answers = {
            r"Enter your passphrase to unlock config/secrets\s+\(set .* to remember\):": PASSPHRASE,
            r"Do you want to perform this \w+\?[^?]*\bdetails": "yes",
            **(answers or {}),
        }

    def environment(self) -> dict[str, str]:
        """What a login gives, and what replaces the uplink that the lab does not have."""
        toolchain = self._engine["PATH"].partition(":")[0]
        python = Path(sys.base_prefix) / "bin"
        environment = self.clone / ".venv"
        passed_on = {name: value for name, value in self._engine.items() if "DISABLE" in name}
        return {
            **passed_on,
            "HOME": str(self.machine.home),
            "LANG": "C.UTF-8",
            # The built language host runs what is activated; the official one reads Pulumi.yaml.
            "PATH": f"{toolchain}:{environment}/bin:{python}:{SYSTEM_PATH}",
            "VIRTUAL_ENV": str(environment),
            "SSH_AUTH_SOCK": str(self.lab.agent.socket),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels()),
            "PIP_NO_COMPILE": "0",  # pip's way to say yes: most of what is installed never runs
        }

    @contextmanager
    def terminal(self, **more: str) -> Iterator[Terminal]:
        """A shell at home. Whatever happens there, the stack is gone afterwards."""
        shell = self.machine.argv(["bash", "--noprofile", "--norc", "-i"])
        env = {**self.environment(), **more}
        try:
            with Terminal(shell, env=env, cwd=self.machine.home, answers=self._answers) as terminal:
                yield terminal
        except BaseException:
            self._clean_up(env)
            raise

    def follow(self, terminal: Terminal) -> None:
        """The README to its end: newt runs, is verified, and is removed."""
        self.set_up(terminal)
        self.deploy(terminal)
        self.assert_newt_exposes_the_listed_target_alone()
        self.verify(terminal)
        self.finish(terminal)

    def set_up(self, terminal: Terminal) -> None:
        """The clone, and what runs in it."""
        self._go_through(terminal, readme.blocks("Quick start"))

    def deploy(self, terminal: Terminal) -> None:
        """From a program that is set up to a newt that runs."""
        self._go_through(terminal, readme.blocks(self.part.heading, self.part.page))
        wait_for_tunnel(self.lab)

    def verify(self, terminal: Terminal) -> None:
        """Everything under Verify; a knock succeeds, and is seen at its target, if it is listed."""
        for _, text in readme.blocks("Verify"):
            for line in text.splitlines():
                if line.startswith(self.part.others):
                    continue
                if knock := _KNOCK.search(line):
                    self._knock(terminal, line, knock[1], int(knock[2]))
                else:
                    self._type(terminal, line)

    def finish(self, terminal: Terminal) -> None:
        """Remove newt, and see that all of this was of use and no secret was shown."""
        self._type(terminal, readme.command("Verify", "pulumi destroy"))
        terminal.assert_answered()
        self.substitutions.assert_used()
        assert self.lab.pangolin.newt_secret not in terminal.transcript

    def assert_newt_exposes_the_listed_target_alone(self) -> None:
        """By the tunnel: the targets that Verify tries by hand."""
        tried = [
            (found[1], int(found[2]))
            for _, text in readme.blocks("Verify")
            for line in text.splitlines()
            if line.startswith(self.part.tool) and (found := _KNOCK.search(line))
        ]
        pangolin = self.lab.pangolin
        pangolin.expose(
            [
                Target(listen=LISTENER + number, target=f"{self.substitutions.fill(host)}:{port}")
                for number, (host, port) in enumerate(tried)
            ]
        )
        seen = set()
        for number, (host, port) in enumerate(tried):
            name, listed = self._target(host, port)
            mark = self.lab.log(name).mark()
            answer = pangolin.fetch(LISTENER + number)
            assert ("body" in answer) == listed, f"{name}: {answer}"
            assert bool(self.lab.log(name).arrivals(mark)) == listed, f"what {name} saw"
            seen.add(listed)
        assert seen == {True, False}, "Verify tries a target of each list"

    def _go_through(self, terminal: Terminal, blocks: Iterable[tuple[str, str]]) -> None:
        for kind, text in blocks:
            if kind == "yaml":
                self._edit(text)
            elif kind != "console":
                self._type(terminal, text)

    def _edit(self, shown: str) -> None:
        file = self.clone / "stacks" / f"Pulumi.{self.part.stack}.yaml"
        file.write_text(readme.edited(file.read_text(), shown, self.substitutions))

    def _type(self, terminal: Terminal, text: str) -> None:
        for line in text.splitlines():
            terminal.run(self.substitutions.fill(line))

    def _knock(self, terminal: Terminal, line: str, host: str, port: int) -> None:
        name, listed = self._target(host, port)
        mark = self.lab.log(name).mark()
        status, said = terminal.type(self.substitutions.fill(line))
        assert (status == 0) == listed, said
        assert bool(self.lab.log(name).arrivals(mark)) == listed, f"what {name} saw"

    def _target(self, host: str, port: int) -> tuple[str, bool]:
        """Which entry of the stack file that is, by its name, and whether newt may reach it."""
        host = self.substitutions.fill(host)
        file = self.clone / "stacks" / f"Pulumi.{self.part.stack}.yaml"
        written = yaml.safe_load(file.read_text())["config"]
        found = [
            (entry["name"], key == "egress")
            for key in ("egress", "mustNotReach")
            for entry in written[f"newt-tunnel:{key}"]
            if isinstance(entry, dict) and entry["port"] == port
            if host in (entry.get("host"), str(entry.get("cidr")).removesuffix("/32"))
        ]
        assert len(found) == 1, f"Verify tries {host}:{port}, and the allow-list above has {found}"
        return found[0]

    def _clean_up(self, env: Mapping[str, str]) -> None:
        destroy = ["pulumi", "destroy", "--yes", "--skip-preview", "--non-interactive"]
        passphrase = {"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
        if self.clone.exists():
            subprocess.run(
                self.machine.argv([*destroy, "--stack", self.part.stack]),
                cwd=self.clone,
                env={**env, **passphrase},
                timeout=300,
                check=False,
            )


def published(folder: Path) -> Path:
    """This tree as a repository to clone: the files that git tracks, as they are now."""
    listed = subprocess.run(
        ["git", "-C", str(REPOSITORY), "ls-files", "-z"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.rstrip("\0").split("\0"):
        if (REPOSITORY / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name, follow_symlinks=False)
    identity = "git -c user.name=test -c user.email=test@example.com"
    commit = f"git init --quiet && git add . && {identity} commit --quiet --message published"
    subprocess.run(["sh", "-ec", commit], cwd=folder, check=True)
    return folder
