"""A person at a terminal: types a line, answers what is asked, and reads what comes.

A real one, so that programs ask as they ask people: for a passphrase, a secret, a confirmation.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS = 300
ROWS, COLUMNS = 60, 500
PROMPT = "status-of-the-last-line-$?-"
_PROMPT = re.compile(r"status-of-the-last-line-(\d+)- \Z")
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[78=>]|[\x08\r]"
)


class Terminal:
    """A shell in a terminal. ``answers``: what is asked, as a pattern, and what to type then."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        answers: Mapping[str, str],
    ) -> None:
        self._argv = argv
        # No query of colours: a program would wait for the terminal's answer.
        self._env = {**env, "TERM": "screen", "PS1": f"{PROMPT} "}
        self._cwd = cwd
        self._answers = {re.compile(rf"{asked}\s*\Z"): answer for asked, answer in answers.items()}
        self._used: set[re.Pattern[str]] = set()
        self._received = b""
        #: How often something was answered.
        self.answered = 0

    def __enter__(self) -> Self:
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._shell = subprocess.Popen(
            self._argv,
            env=self._env,
            cwd=self._cwd,
            # Its controlling terminal, which ssh asks at.
            preexec_fn=lambda: os.login_tty(theirs),
            pass_fds=[theirs],
        )
        os.close(theirs)
        try:
            self._until_prompt(0, "the shell")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._end()

    @property
    def transcript(self) -> str:
        """All that was to be read, without colours and movements of the cursor."""
        return self._since(0)

    def type(self, line: str) -> tuple[int, str]:
        """Type a line; the exit status, and what was to be read until the next prompt."""
        start = len(self._received)
        os.write(self._terminal, f"{line}\n".encode())
        return self._until_prompt(start, line)

    def run(self, line: str) -> str:
        """Type a line, which succeeds."""
        status, said = self.type(line)
        assert status == 0, f"`{line}` failed ({status}):\n{said}"
        return said

    def assert_answered(self) -> None:
        """Every expected question was asked."""
        never = [asked.pattern for asked in self._answers if asked not in self._used]
        assert not never, f"never asked: {never}"

    def _end(self) -> None:
        # Everything that the shell started loses its terminal with it.
        os.close(self._terminal)
        self._shell.kill()
        self._shell.wait()

    def _until_prompt(self, start: int, line: str) -> tuple[int, str]:
        pending = dict(self._answers)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if select.select([self._terminal], [], [], 0.2)[0]:
                self._received += os.read(self._terminal, 65536)
                continue
            said = self._since(start)
            if prompt := _PROMPT.search(said):
                return int(prompt[1]), said[: prompt.start()]
            # Once each: it is drawn again while the answer is typed.
            for asked in [asked for asked in pending if asked.search(said)]:
                self._used.add(asked)
                self.answered += 1
                os.write(self._terminal, f"{pending.pop(asked)}\r".encode())
        raise AssertionError(f"`{line}` does not end within {SECONDS} s:\n{self._since(start)}")

    def _since(self, start: int) -> str:
        return _CONTROL.sub("", self._received[start:].decode(errors="replace"))
