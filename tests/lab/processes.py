"""The processes that the lab started, known by pid and start time even after its own end.

A record is a small file per process, so that `down` in another process, or after a crash, ends
exactly these and never a stranger that was given the same pid later.
"""

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .commands import LabError

END_TIMEOUT = 10.0
POLL = 0.01


def start_time(pid: int) -> int | None:
    """Clock ticks since boot at which `pid` started; None when it is gone or only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name, in parentheses, may hold anything: count from the last parenthesis.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def end(pid: int, started: int, *, number: signal.Signals = signal.SIGTERM) -> None:
    """Ends the process that is still the one that started then; by SIGKILL when it lingers."""
    for attempt in (number, signal.SIGKILL):
        if start_time(pid) != started:
            break
        os.kill(pid, attempt)
        if _gone(pid, started):
            break
    else:
        raise LabError(f"process {pid} does not end, not even by SIGKILL")


def _gone(pid: int, started: int) -> bool:
    deadline = time.monotonic() + END_TIMEOUT
    while start_time(pid) == started:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def _reap(pid: int) -> None:
    """Collects a child of this very process; one of an earlier process belongs to init."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


class Processes:
    def __init__(self, folder: Path, logs: Path) -> None:
        self._folder = folder
        self.logs = logs

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> int:
        """Starts `argv` in a session of its own, detached, its output in the log of that name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        output = os.open(self.log(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            # Not Popen: the process is to outlive this one, and nobody here waits for it.
            pid = os.posix_spawnp(
                argv[0],
                list(argv),
                dict(os.environ if env is None else env),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, nothing, 0),
                    (os.POSIX_SPAWN_DUP2, output, 1),
                    (os.POSIX_SPAWN_DUP2, output, 2),
                ],
                setsid=True,
            )
        finally:
            os.close(output)
            os.close(nothing)
        self.record(name, pid)
        return pid

    def record(self, name: str, pid: int) -> None:
        started = start_time(pid)
        if started is None:
            raise LabError(f"{name} ended at once: {self.last_words(name)}")
        self._file(name).write_text(json.dumps({"pid": pid, "started": started}))

    def pid(self, name: str) -> int | None:
        """The pid of the process of that name while it runs, else None."""
        known = self._known(name)
        return known[0] if known and start_time(known[0]) == known[1] else None

    def end(self, name: str) -> None:
        if known := self._known(name):
            end(*known)
            _reap(known[0])
            self._file(name).unlink()

    def end_all(self) -> None:
        for file in sorted(self._folder.glob("*.json")):
            self.end(file.stem)

    def names(self) -> list[str]:
        return sorted(file.stem for file in self._folder.glob("*.json"))

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.out"

    def last_words(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").splitlines()
        return "\n".join(lines[-10:]) or "it said nothing"

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _known(self, name: str) -> tuple[int, int] | None:
        try:
            known = json.loads(self._file(name).read_text())
        except FileNotFoundError:
            return None
        return known["pid"], known["started"]
