"""A content-addressed cache of what is slow to build for the tests: the Pulumi CLI, newt, images.

Owns where built things live, when one is missing, and that a half-built one is never seen. It does
not know what is built, nor does it ever delete: a changed input gives a new directory, and
`rm -r` on the root removes all of them.

The name of a directory is the hash of *all* inputs, so whatever decides the result belongs among
them: source files and lock files as `Path`s; versions, flags and the tool chain
(the output of `go version`) as strings.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

HASH_DIGITS = 16


def root() -> Path:
    """`$NEWT_TUNNEL_CACHE`, else `newt-tunnel` in the user's cache directory."""
    if own := os.environ.get("NEWT_TUNNEL_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "newt-tunnel"


def cached(name: str, inputs: Iterable[Path | str], build: Callable[[Path], None]) -> Path:
    """The directory holding NAME built from `inputs`; `build(directory)` fills it when missing.

    The line printed while building says why it takes a while: `build`'s docstring, first line.
    Progress goes to stderr, so that a program whose stdout is parsed may call this.
    """
    target = root() / f"{name}-{digest(inputs)}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        if not _locked(lock.fileno(), wait=False):
            _say(f"waiting for another process that builds {name} ...")
            _locked(lock.fileno(), wait=True)
        if target.is_dir():  # built by the process that held the lock
            return target
        _build(name, target, build)
    return target


def _build(name: str, target: Path, build: Callable[[Path], None]) -> None:
    reason = (build.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    _say(f"building {name} ({reason}) ..." if reason else f"building {name} ...")
    started = time.monotonic()
    # Beside the target, so that the rename stays within one file system and is atomic.
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        build(unfinished)
        unfinished.chmod(0o755)  # mkdtemp's 0700 would shut out the lab's other users
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    _say(f"built {name} in {time.monotonic() - started:.0f} s")


def _locked(descriptor: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def digest(inputs: Iterable[Path | str]) -> str:
    """Every part is hashed with its length, so that no two lists of inputs run together."""
    hashed = hashlib.sha256()

    def add(kind: str, data: bytes) -> None:
        hashed.update(f"{kind} {len(data)}\n".encode())
        hashed.update(data)

    for item in inputs:
        if isinstance(item, str):
            add("text", item.encode())
        elif item.is_dir():
            for file in sorted(path for path in item.rglob("*") if path.is_file()):
                if "__pycache__" in file.parts:  # written by running it, not by editing it
                    continue
                add("name", file.relative_to(item).as_posix().encode())
                add("file", file.read_bytes())
        else:
            add("file", item.read_bytes())
    return hashed.hexdigest()[:HASH_DIGITS]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
