"""Which two states are compared, and their files: commits through git, or the working tree.

Files are read as blobs, without filters, hooks, symbolic links or submodules. ``checkout`` reports
where a checkout differs.
"""

from __future__ import annotations

import errno
import os
import posixpath
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from newt_tunnel.stackfile.git import Git, RevisionError
from newt_tunnel.stackfile.untrusted_text import sanitized

#: A stack file has a few kilobytes.
MAX_BYTES = 1024 * 1024
_PLAIN_MODES = ("100644", "100755")
_FOLDER_MODE = "040000"
_SHOWN_DIGITS = 10

#: Attributes of files that git has set, by path.
Attributes = Mapping[str, Mapping[str, str]]


class State(Protocol):
    """The files of one revision; paths are relative to the folder the review was started in.

    ``name`` is how the user called it, ``commit`` its full hash; None for the working tree.
    ``prefix`` is the started folder's place in the repository, with a slash at its end.
    """

    @property
    def name(self) -> str: ...
    @property
    def commit(self) -> str | None: ...
    @property
    def prefix(self) -> str: ...

    def read(self, path: str) -> str:
        """The text of a regular file.

        Raises ``OSError`` (``FileNotFoundError`` where there is none) or ``UnicodeDecodeError``.
        """

    def files_in(self, folder: str) -> tuple[str, ...]:
        """Names of everything directly in ``folder``; nothing where there is no such folder.

        Raises ``OSError`` where a link, a submodule or a file is in its place.
        """

    def is_regular_file(self, path: str) -> bool:
        """Whether ``path`` is a regular file in real folders."""

    def attributes(self, paths: Sequence[str], /) -> Attributes:
        """Return git's attributes of files for a checkout."""


def title(state: State) -> str:
    """Return the name for people, and the commit if it differs."""
    if state.commit is None or state.commit.startswith(state.name):
        return state.name[:_SHOWN_DIGITS] if state.commit else state.name
    return f"{state.name} ({state.commit[:_SHOWN_DIGITS]})"


def states(text: str, folder: Path, *, from_merge_base: bool = False) -> tuple[State, State]:
    """What ``text`` names, as `git diff` understands it.

    ``A..B`` two revisions; ``A...B`` B and where it left A; a missing one is HEAD; ``A`` alone: A
    and the working tree, or with ``from_merge_base`` where HEAD left A and the working tree.
    Raises ``RevisionError``.
    """
    git = Git(folder)
    if from_merge_base:
        if ".." in text:
            raise RevisionError(
                f"{sanitized(text)}: names two revisions, and --merge-base takes one; write A...B"
            )
        base = revision(git, git.merge_base(text, "HEAD"))
        return base, WorkingTree(folder, base.prefix)
    if "..." in text:
        one, _, other = text.partition("...")
        head = revision(git, other or "HEAD")
        return revision(git, git.merge_base(one or "HEAD", head.commit)), head
    if ".." in text:
        one, _, other = text.partition("..")
        return revision(git, one or "HEAD"), revision(git, other or "HEAD")
    base = revision(git, text)
    return base, WorkingTree(folder, base.prefix)


def revision(git: Git, name: str) -> Commit:
    """Raises ``RevisionError``."""
    return Commit(git, name=name, commit=git.commit_of(name), prefix=git.prefix())


@dataclass(frozen=True)
class _Entry:
    """One line of a tree."""

    mode: str
    blob: str
    size: int


@dataclass(frozen=True)
class Commit:
    git: Git
    name: str
    commit: str
    prefix: str

    def read(self, path: str) -> str:
        entry = self._entry(path)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, "is not there", path)
        _refuse(path, regular=entry.mode in _PLAIN_MODES, size=entry.size)
        done = self.git.run(["cat-file", "blob", entry.blob])
        if done.returncode:
            said = sanitized(done.stderr.decode(errors="replace"))
            raise OSError(errno.EIO, f"git cannot read it: {said}", path)
        return done.stdout.decode("utf-8")

    def files_in(self, folder: str) -> tuple[str, ...]:
        return tuple(self._folder(_inside(self.prefix, folder)))

    def is_regular_file(self, path: str) -> bool:
        entry = self._entry(path)
        return entry is not None and entry.mode in _PLAIN_MODES

    def attributes(self, paths: Sequence[str], /) -> Attributes:
        """Read them from this commit's own `.gitattributes`, which a checkout obeys."""
        with tempfile.TemporaryDirectory() as folder:
            # `check-attr --source` is for git 2.40 and later; an index serves all.
            index = {"GIT_INDEX_FILE": f"{folder}/index", "GIT_ATTR_NOSYSTEM": "1"}
            options = [f"core.attributesFile={os.devnull}", "core.splitIndex=false"]
            words = [word for option in options for word in ("-c", option)]
            done = self.git.run([*words, "read-tree", self.commit], index)
            if not done.returncode:
                asked = ["check-attr", "--cached", "-z", "--all", "--", *paths]
                done = self.git.run([*words, *asked], index)
        if done.returncode:
            said = sanitized(done.stderr.decode(errors="replace"))
            raise OSError(errno.EIO, f"git cannot read its attributes: {said}", paths[0])
        found: dict[str, dict[str, str]] = {}
        fields = done.stdout.decode(errors="replace").split("\0")[:-1]
        for path, key, value in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
            found.setdefault(path, {})[key] = value
        return found

    def _entry(self, path: str) -> _Entry | None:
        folder, name = posixpath.split(_inside(self.prefix, path))
        return self._folder(folder).get(name)

    def _folder(self, path: str) -> dict[str, _Entry]:
        """Everything in a folder of the repository, each part of whose path must be a folder."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        for depth in range(1, len(parts) + 1):
            place = "/".join(parts[:depth])
            entry = self._listed(place).get(parts[depth - 1])
            if entry is None:
                return {}
            if entry.mode != _FOLDER_MODE:
                raise OSError(errno.ENOTDIR, _NO_FOLDER, place)
        return self._listed("/".join((*parts, "")) if parts else None)

    def _listed(self, path: str | None) -> dict[str, _Entry]:
        """What is at ``path``; with a slash at its end, everything in that folder."""
        where = [] if path is None else [path]
        done = self.git.run(["ls-tree", "-z", "-l", "--full-tree", self.commit, "--", *where])
        if done.returncode:
            said = sanitized(done.stderr.decode(errors="replace"))
            raise OSError(errno.EIO, f"git cannot list it: {said}", path)
        found = {}
        for line in done.stdout.split(b"\0")[:-1]:
            about, _, name = line.partition(b"\t")
            mode, _, blob, size = about.decode().split()
            # A name that is not UTF-8 names no stack; it is shown escaped.
            last = posixpath.basename(name.decode(errors="replace"))
            found[last] = _Entry(mode, blob, int(size) if size.isdigit() else 0)
        return found


@dataclass(frozen=True)
class WorkingTree:
    """The files as they are now, known to git or not."""

    folder: Path
    prefix: str
    name: str = "the working tree"
    commit: str | None = None

    def read(self, path: str) -> str:
        file = self._at(path)
        if not os.path.lexists(file):
            raise FileNotFoundError(errno.ENOENT, "is not there", path)
        regular = self.is_regular_file(path)
        _refuse(path, regular=regular, size=file.stat().st_size if regular else 0)
        return file.read_text(encoding="utf-8")

    def files_in(self, folder: str) -> tuple[str, ...]:
        where = self._at(folder)
        if not os.path.lexists(where):
            return ()
        if where.is_symlink() or not where.is_dir():
            raise OSError(errno.ENOTDIR, _NO_FOLDER, folder)
        return tuple(sorted(one.name for one in where.iterdir()))

    def is_regular_file(self, path: str) -> bool:
        file = self._at(path)
        return file.is_file() and not file.is_symlink()

    def attributes(self, _paths: Sequence[str], /) -> Attributes:
        """None: the files are checked out already."""
        return {}

    def _at(self, path: str) -> Path:
        """Return the path in the repository, as for a commit."""
        _inside(self.prefix, path)
        parts = posixpath.normpath(path).split("/")
        for depth in range(1, len(parts)):
            place = "/".join(parts[:depth])
            if (self.folder / place).is_symlink():
                raise OSError(errno.ENOTDIR, _NO_FOLDER, place)
        return self.folder / path


_NO_FOLDER = "is no plain folder but a link, a file or a submodule"


def _inside(prefix: str, path: str) -> str:
    """The place in the repository. ``OSError`` for what lies outside."""
    joined = posixpath.normpath(posixpath.join(prefix, path))
    if path.startswith("/") or joined.startswith("../") or joined == "..":
        raise OSError(errno.EACCES, "lies outside the repository", path)
    return joined


def _refuse(path: str, *, regular: bool, size: int) -> None:
    if not regular:
        raise OSError(errno.EINVAL, "is no plain file but a link, a folder or a submodule", path)
    if size > MAX_BYTES:
        why = f"has {size} bytes, more than the {MAX_BYTES} that are read"
        raise OSError(errno.EFBIG, why, path)
