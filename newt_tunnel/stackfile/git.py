"""Calls of git, and which commit a revision's name means.

A revision is never passed as an option, and an ambiguous name is an error: git would take a tag for
the branch of the same name. Nothing is changed.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newt_tunnel.stackfile.untrusted_text import sanitized

_SECONDS = 60
_FULL_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT_HASH = re.compile(r"[0-9a-f]{4,63}")
#: Where the name of a ref ends in an expression like `main~2`, `main^{tree}` or `main@{1}`.
_EXPRESSION = re.compile(r"[~^:]|@\{")
#: Where git looks a name up (gitrevisions(7)); it takes the first that exists.
_PLACES = ("refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
_TAGS = "refs/tags/"
#: Special names that git finds before the refs.
_OWN_NAME = re.compile(r"@|([A-Z]+_)?HEAD")


class RevisionError(Exception):
    """A state that does not exist, or cannot be read. The text says which, and what to do."""


@dataclass(frozen=True)
class Git:
    """The repository that ``folder`` lies in."""

    folder: Path

    def commit_of(self, name: str) -> str:
        """The full hash. Raises ``RevisionError``."""
        if name.startswith("-") or not name.isprintable() or " " in name:
            raise RevisionError(f"{sanitized(name)}: is not the name of a revision")
        exact = self._exact(name)
        commit = self.line(
            ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{exact}^{{commit}}"],
            f"{sanitized(name)}: is no commit here; correct it, or fetch it (in a shallow clone: "
            "git fetch --unshallow; in a workflow: fetch-depth: 0)",
        )
        return commit.splitlines()[-1]

    def prefix(self) -> str:
        """Place of the folder in the repository, with a slash at its end."""
        return self.line(["rev-parse", "--show-prefix"], "git does not say where this folder is")

    def merge_base(self, base: str, head: str) -> str:
        """Return the merge base of two revisions. Raises ``RevisionError``."""
        return self.line(
            ["merge-base", self.commit_of(base), self.commit_of(head)],
            f"{sanitized(base)} and {sanitized(head)} have no common ancestor here; fetch more "
            "(in a shallow clone: git fetch --unshallow), or compare the ends: A..B",
        )

    def changed_paths(self, base: str, head: str) -> tuple[str, ...]:
        """Return the files that differ between two commits, a renamed one under both names."""
        words = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-commit-id"]
        done = self.run([*words, base, head])
        if done.returncode:
            said = sanitized(done.stderr.decode(errors="replace"))
            raise RevisionError(
                f"{sanitized(base)} and {sanitized(head)}: git cannot compare them: {said}"
            )
        return tuple(path.decode(errors="replace") for path in done.stdout.split(b"\0")[:-1])

    def _exact(self, name: str) -> str:
        """``name`` with the full name of its ref, if it has one."""
        start = _EXPRESSION.split(name, maxsplit=1)[0]
        if not start or start.startswith("refs/") or _FULL_HASH.fullmatch(start):
            return name
        found = self._refs(start)
        if _OWN_NAME.fullmatch(start):
            meanings = [start, *(ref for ref in found if not ref.endswith("/HEAD/HEAD"))]
            return name if len(meanings) == 1 else self._ambiguous(name, meanings)
        if not found:
            return name
        if _SHORT_HASH.fullmatch(start):
            commits = self.run(["rev-parse", f"--disambiguate={start}"]).stdout.decode().split()
            found += [f"the object {one}" for one in commits]
        if found[0].startswith(_TAGS):
            # A fresh clone has one branch of its own; the other names mean the remote's.
            found += self._of_remotes(start)
        if len(found) > 1:
            self._ambiguous(name, found)
        return found[0] + name[len(start) :]

    def _refs(self, name: str) -> list[str]:
        places = [place.format(name) for place in _PLACES]
        there = self.run(["for-each-ref", "--format=%(refname)", *places]).stdout.decode()
        # The pattern also matches a folder of other refs.
        return [place for place in places if place in there.splitlines()]

    def _of_remotes(self, name: str) -> list[str]:
        words = ["for-each-ref", "--format=%(refname)", f"refs/remotes/*/{name}"]
        lines = self.run(words).stdout.decode().splitlines()
        return [ref for ref in lines if ref.endswith(f"/{name}")]

    def _ambiguous(self, name: str, meanings: Sequence[str]) -> str:
        raise RevisionError(
            f"{sanitized(name)}: is ambiguous here, it can mean "
            f"{sanitized(', '.join(meanings))}; write one of these, or a full hash"
        )

    def line(self, words: Sequence[str], remedy: str) -> str:
        done = self.run(words)
        if done.returncode:
            said = sanitized(done.stderr.decode(errors="replace"))
            raise RevisionError(f"{remedy}; git says: {said}" if said else remedy)
        return done.stdout.decode().strip()

    def run(
        self, words: Sequence[str], variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        # Variables of a hook or a caller may point to another repository, and a replaced object is
        # not the reviewed one.
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("GIT_")
        } | {"GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C", **(variables or {})}
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
