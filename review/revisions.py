"""Which two states are compared, and their files: commits through git, or the working tree.

Owns all calls of git. What is given as a revision is never taken for an option, and files are read
as blobs: no filter, hook, symbolic link or submodule has a part in it. Nothing is changed.
"""

from __future__ import annotations

import errno
import os
import posixpath
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from review.text import plain

#: A stack file has some kilobytes.
MAX_BYTES = 1024 * 1024
_SECONDS = 60
_PLAIN_MODES = ("100644", "100755")
_SHOWN_DIGITS = 10


class RevisionError(Exception):
    """No such state, or none that can be read: the text says which and what to do."""


class State(Protocol):
    """The files of one revision; paths are relative to the folder the review was started in.

    ``name`` is how the user called it, ``commit`` its full hash; None for the working tree.
    """

    @property
    def name(self) -> str: ...
    @property
    def commit(self) -> str | None: ...

    def read(self, path: str) -> str:
        """The text of a plain file.

        Raises ``OSError`` (``FileNotFoundError`` where there is none) or ``UnicodeDecodeError``.
        """

    def files_in(self, folder: str) -> tuple[str, ...]:
        """Names of everything directly in ``folder``; nothing where there is no such folder."""


def title(state: State) -> str:
    """For people: what it is called, and the commit where that is another text."""
    if state.commit is None or state.commit.startswith(state.name):
        return state.name[:_SHOWN_DIGITS] if state.commit else state.name
    return f"{state.name} ({state.commit[:_SHOWN_DIGITS]})"


def states(text: str, folder: Path) -> tuple[State, State]:
    """What ``text`` names, as `git diff` understands it.

    ``A..B`` two revisions; ``A...B`` B and where it left A; a missing one is HEAD; ``A`` alone: A
    and the working tree. Raises ``RevisionError``.
    """
    git = Git(folder)
    if "..." in text:
        one, _, other = text.partition("...")
        base, head = git.revision(one or "HEAD"), git.revision(other or "HEAD")
        return git.merge_base(base, head), head
    if ".." in text:
        one, _, other = text.partition("..")
        return git.revision(one or "HEAD"), git.revision(other or "HEAD")
    base = git.revision(text)
    return base, WorkingTree(folder, base.prefix)


@dataclass(frozen=True)
class Git:
    """The repository that ``folder`` lies in."""

    folder: Path

    def revision(self, name: str) -> Commit:
        if name.startswith("-") or not name.isprintable() or " " in name:
            raise RevisionError(f"{plain(name)}: is not the name of a revision")
        commit = self._line(
            ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"],
            f"{plain(name)}: is no commit here; correct it, or fetch it (in a shallow clone: "
            "git fetch --unshallow)",
        )
        prefix = self._line(["rev-parse", "--show-prefix"], "git does not say where this folder is")
        return Commit(self, name=name, commit=commit.splitlines()[-1], prefix=prefix)

    def merge_base(self, base: Commit, head: Commit) -> Commit:
        commit = self._line(
            ["merge-base", base.commit, head.commit],
            f"{plain(base.name)} and {plain(head.name)} have no common ancestor here; fetch more "
            "(in a shallow clone: git fetch --unshallow), or write two dots",
        )
        return Commit(self, name=commit, commit=commit, prefix=base.prefix)

    def _line(self, words: Sequence[str], remedy: str) -> str:
        done = self.run(words)
        if done.returncode:
            said = plain(done.stderr.decode(errors="replace"))
            raise RevisionError(f"{remedy}; git says: {said}" if said else remedy)
        return done.stdout.decode().strip()

    def run(self, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        # What a hook or a caller has set speaks of another repository; and a replaced object is
        # not the one that was reviewed.
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("GIT_")
        } | {"GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}
        try:
            return subprocess.run(
                ["git", "--no-pager", "--literal-pathspecs", *words],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise RevisionError(f"{error.filename}: is not there; install git") from error
        except subprocess.TimeoutExpired as error:
            raise RevisionError(f"git {words[0]}: no answer in {_SECONDS} s") from error


@dataclass(frozen=True)
class _Entry:
    """One line of a tree."""

    mode: str
    blob: str
    size: int


@dataclass(frozen=True)
class Commit:
    """``prefix`` is the started folder's place in the repository, with a slash at its end."""

    git: Git
    name: str
    commit: str
    prefix: str

    def read(self, path: str) -> str:
        inside = _inside(self.prefix, path)
        entry = self._tree(inside).get(posixpath.basename(inside))
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, "is not there", path)
        _refuse(path, is_plain=entry.mode in _PLAIN_MODES, size=entry.size)
        done = self.git.run(["cat-file", "blob", entry.blob])
        if done.returncode:
            said = plain(done.stderr.decode(errors="replace"))
            raise OSError(errno.EIO, f"git cannot read it: {said}", path)
        return done.stdout.decode("utf-8")

    def files_in(self, folder: str) -> tuple[str, ...]:
        return tuple(self._tree(f"{_inside(self.prefix, folder)}/"))

    def _tree(self, path: str) -> dict[str, _Entry]:
        """The one file at ``path``; with a slash at its end, everything in that folder."""
        where = [] if path == "./" else [path]
        done = self.git.run(["ls-tree", "-z", "-l", "--full-tree", self.commit, "--", *where])
        if done.returncode:
            said = plain(done.stderr.decode(errors="replace"))
            raise OSError(errno.EIO, f"git cannot list it: {said}", path)
        found = {}
        for line in done.stdout.split(b"\0")[:-1]:
            about, _, name = line.partition(b"\t")
            mode, _, blob, size = about.decode().split()
            # A name that is no UTF-8 names no stack; it is shown as it can be.
            last = posixpath.basename(name.decode(errors="replace"))
            found[last] = _Entry(mode, blob, int(size) if size.isdigit() else 0)
        return found


@dataclass(frozen=True)
class WorkingTree:
    """The files as they are now, whatever git knows of them."""

    folder: Path
    prefix: str
    name: str = "the working tree"
    commit: str | None = None

    def read(self, path: str) -> str:
        file = self._at(path)
        if not os.path.lexists(file):
            raise FileNotFoundError(errno.ENOENT, "is not there", path)
        is_plain = file.is_file() and not file.is_symlink()
        _refuse(path, is_plain=is_plain, size=file.stat().st_size if is_plain else 0)
        return file.read_text(encoding="utf-8")

    def files_in(self, folder: str) -> tuple[str, ...]:
        where = self._at(folder)
        return tuple(sorted(one.name for one in where.iterdir())) if where.is_dir() else ()

    def _at(self, path: str) -> Path:
        """Below the repository, like a commit's: its prefix says how deep this folder lies."""
        _inside(self.prefix, path)
        return self.folder / path


def _inside(prefix: str, path: str) -> str:
    """The place in the repository. ``OSError`` for what lies outside."""
    joined = posixpath.normpath(posixpath.join(prefix, path))
    if path.startswith("/") or joined.startswith("../") or joined == "..":
        raise OSError(errno.EACCES, "lies outside the repository", path)
    return joined


def _refuse(path: str, *, is_plain: bool, size: int) -> None:
    if not is_plain:
        raise OSError(errno.EINVAL, "is no plain file but a link, a folder or a submodule", path)
    if size > MAX_BYTES:
        raise OSError(
            errno.EFBIG, f"has {size} bytes, more than the {MAX_BYTES} that are read", path
        )
