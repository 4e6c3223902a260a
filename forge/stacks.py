"""Which stacks a change touches: those whose file it changes, or all when the program changes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from forge.errors import ForgeError

ROOT = Path(__file__).parent.parent
_FOLDER = "stacks"
_FILE = re.compile(rf"{_FOLDER}/Pulumi\.(.+)\.ya?ml", re.DOTALL)
#: What Pulumi allows, less a first character that a command would take for an option.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
#: What no stack is made of. Everything else is the program: what is not known here counts.
BESIDE = frozenset(
    (
        *(".ci", ".editorconfig", ".forgejo", ".gitea", ".github", ".gitignore"),
        *(".pre-commit-config.yaml", "CHANGELOG.md", "LICENSE", "Makefile", "README.md"),
        *("adopt", "docs", "forge", "pyproject.toml", "requirements-dev.txt", "review", "tests"),
    )
)
#: Beside stack files in their folder.
_SCHEMA = f"{_FOLDER}/schema.json"


@dataclass(frozen=True)
class Changed:
    """``stacks`` are there after the change and touched by it; ``why`` says by what."""

    stacks: tuple[str, ...]
    why: str


def merge_base(base: str, head: str, root: Path = ROOT) -> str:
    """Where the branch began: what happened on its base since is not its change."""
    return _git(root, "merge-base", base, head).strip()


def changed(base: str, head: str, root: Path = ROOT) -> Changed:
    """The stacks that differ between two commits."""
    paths = _git(root, "diff", "--name-only", "--no-renames", "-z", base, head).split("\0")
    there = all_stacks(head, root)
    program = sorted(path for path in paths if path and _is_program(path))
    if program:
        return Changed(there, f"the program changes ({_named(program)})")
    touched = set(_names(paths))
    return Changed(tuple(name for name in there if name in touched), "their files change")


def all_stacks(commit: str, root: Path = ROOT) -> tuple[str, ...]:
    """The stacks that have a file in a commit."""
    listing = _git(root, "ls-tree", "-z", "--name-only", commit, f"{_FOLDER}/")
    return tuple(sorted(_names(listing.split("\0"))))


def _names(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        found = _FILE.fullmatch(path)
        if found and not _NAME.fullmatch(found[1]):
            raise ForgeError(
                f"{json.dumps(path)}: is not the file of a stack that Pulumi could have; "
                "use letters, digits, `.`, `_` and `-`"
            )
        if found:
            yield found[1]


def _is_program(path: str) -> bool:
    return path.partition("/")[0] not in BESIDE and path != _SCHEMA and not _FILE.fullmatch(path)


def _named(paths: list[str]) -> str:
    first = json.dumps(paths[0])[1:-1]
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ForgeError(
            f"git {words[0]}: {done.stderr.strip()}; does the workflow check out the whole "
            "history (fetch-depth: 0)?"
        )
    return done.stdout
