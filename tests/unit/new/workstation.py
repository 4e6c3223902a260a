"""A workstation without a network: ``ssh``, Pulumi and the like as small programs on PATH.

What they were called with, and what came over their standard input, is in one log.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from newt_tunnel.tools.new.command import main
from newt_tunnel.tools.new.questions import Terminal

RECORDED = Path(__file__).with_name("recorded")
SECRET = "of-the-site-4711"
PASSPHRASE = "correct horse"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
_LOGGED = 'printf "%s\\n" "$(basename "$0") $*" >>"$HERE/log"'
_SSH = f"""\
case $* in
    -G*) printf 'hostname 10.0.1.10\\nport 22\\nuser %s\\n' "$(cat "$HERE/user")"; exit ;;
esac
{_LOGGED}
script=$(cat)
case $script in
    *getent*) cat "$HERE/addresses" ;;
    *NEWT_SECRET*) cat "$HERE/secret" ;;
    *) [ ! -e "$HERE/refusal" ] || {{ cat "$HERE/refusal" >&2; exit 255; }}; cat "$HERE/look" ;;
esac
"""
_PULUMI = f"""\
{_LOGGED}
file=stacks/Pulumi.nas.yaml
case $* in
    whoami*) [ -e "$HERE/logged-out" ] && {{ echo "error: PULUMI_ACCESS_TOKEN" >&2; exit 3; }}
        printf '{{"url": "%s"}}' "$(cat "$HERE/backend")" ;;
    "stack ls"*) cat "$HERE/stacks.json" ;;
    "stack init"*) echo "encryptionsalt: $PULUMI_CONFIG_PASSPHRASE" | sha256sum >"$HERE/salt"
        echo "encryptionsalt: v1" >>"$file" ;;
    "config set"*) [ ! -e "$HERE/broken" ] || exit 4; cat >"$HERE/stored" ;;
esac
"""


@dataclass
class Conversation:
    """``answers``: what is typed, in order. ``said`` is what was to be read."""

    answers: Sequence[str]
    is_there: bool = True
    said: list[str] = field(default_factory=list)

    @property
    def terminal(self) -> Terminal:
        rest = iter(self.answers)
        return Terminal(
            is_there=self.is_there,
            say=self.said.append,
            ask=lambda question: self._ask(question, rest, hidden=False),
            ask_hidden=lambda question: self._ask(question, rest, hidden=True),
        )

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    def _ask(self, question: str, rest: Iterator[str], *, hidden: bool) -> str:
        answer = next(rest, None)
        self.said.append(question + ("" if hidden or answer is None else answer))
        if answer is None:
            raise EOFError
        if answer == "^C":
            raise KeyboardInterrupt
        return answer


class Workstation:
    """A project folder, and the programs. ``here`` holds what they answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self.here = folder / "here"
        self.programs = folder / "programs"
        for one in (self.folder / "stacks", self.here, self.programs):
            one.mkdir(parents=True)
        (self.folder / "Pulumi.yaml").write_text(
            "name: newt-tunnel\nruntime: python\nstackConfigDir: stacks\n"
        )
        self.file = self.folder / "stacks" / "Pulumi.nas.yaml"
        self.program("ssh", _SSH)
        self.program("ssh-keyscan", f"echo '10.0.1.10 {HOST_KEY}'")
        self.program("ssh-add", "")
        self.program("pulumi", _PULUMI)
        self.answer("user", "root")
        self.answer("look", (RECORDED / "nas.look").read_text())
        self.answer("addresses", "203.0.113.10\n")
        self.answer("secret", f"{SECRET}\n")
        self.answer("backend", "file://~")
        self.answer("stacks.json", "[]")

    def program(self, name: str, text: str) -> None:
        file = self.programs / name
        file.write_text(f"#!/bin/sh\nHERE={self.here}\n{text}\n")
        file.chmod(0o755)

    def answer(self, name: str, text: str) -> None:
        (self.here / name).write_text(text)

    def look(self, *more: str, without: str = "") -> None:
        """Add lines to the look, and leave out those that begin like this."""
        lines = (RECORDED / "nas.look").read_text().splitlines()
        kept = [one for one in lines if one != "end" and not (without and one.startswith(without))]
        self.answer("look", "\n".join((*kept, *more, "end")) + "\n")

    def has_stack(self, name: str) -> None:
        self.answer("stacks.json", json.dumps([{"name": f"organization/newt-tunnel/{name}"}]))

    @property
    def log(self) -> str:
        file = self.here / "log"
        return file.read_text() if file.exists() else ""

    @property
    def stored(self) -> str:
        return (self.here / "stored").read_text()

    def new(self, conversation: Conversation, *words: str) -> int:
        words = words or ("nas", "--host", "10.0.1.10")
        return main(words, self.folder, conversation.terminal)

    def commit(self) -> None:
        """Make the folder a clone with everything in it committed."""
        identity = "git -c user.name=test -c user.email=test@example.com"
        command = f"git init -q && git add . && {identity} commit -q -m example"
        subprocess.run(["sh", "-ec", command], cwd=self.folder, check=True)

    def left(self) -> list[str]:
        """Names of the files in the folder of the stack files."""
        return sorted(path.name for path in self.file.parent.iterdir())
