"""Which stacks a change touches: those whose file it changes, or all when the program changes.

``stackfile.layout`` finds the stack files, and ``stackfile.repository`` says what the program is.
An unclear file, or none at all, ends the job. ``review`` interprets a change.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from newt_tunnel.stackfile import layout, yaml_document
from newt_tunnel.stackfile.git import Git, RevisionError
from newt_tunnel.stackfile.layout import LayoutError
from newt_tunnel.stackfile.repository import NOT_PROGRAM
from newt_tunnel.stackfile.revisions import Commit, revision, title
from newt_tunnel.stackfile.untrusted_text import sanitized
from newt_tunnel.stackfile.yaml_document import Unreadable
from newt_tunnel.tools.forge import ForgeError

ROOT = Path(__file__).parents[3]
#: Other files in the folder of the stack files.
_SCHEMA = "schema.json"
_QUOTED = re.compile(r"[\w./-]+")


@dataclass(frozen=True, kw_only=True)
class Changed:
    """``stacks`` exist after the change, and it touches them; ``gone`` no longer exist.

    ``why`` is the reason, and ``by`` the file of the program, if it is one.
    """

    stacks: tuple[str, ...]
    gone: tuple[str, ...] = ()
    why: str
    by: str = ""


def merge_base(base: str, head: str, root: Path = ROOT) -> str:
    """Return the commit where the branch began: later commits on its base are not its change."""
    try:
        return Git(root).merge_base(base, head)
    except RevisionError as error:
        raise ForgeError(sanitized(str(error))) from None


def changed(base: str, head: str, root: Path = ROOT) -> Changed:
    """The stacks that differ between two commits. Raises ``ForgeError`` where there is none."""
    git = Git(root)
    there = _of(git, head)
    try:
        before = _of(git, base)
    except ForgeError:
        # The change may be related to the problem there.
        return Changed(stacks=tuple(there.paths), why="those before it are not clear")
    try:
        prefix = git.prefix() or "."
        paths = [posixpath.relpath(path, prefix) for path in git.changed_paths(base, head)]
    except RevisionError as error:
        raise ForgeError(sanitized(str(error))) from None
    gone = tuple(sorted({*before.paths} - {*there.paths}))
    files = {path: name for side in (before, there) for name, path in side.paths.items()}
    read = before.others | there.others
    program = sorted(path for path in paths if path not in files and _is_program(path, there, read))
    if program:
        more = f" and {len(program) - 1} more" if program[1:] else ""
        return Changed(
            stacks=tuple(there.paths), gone=gone, why="the program changes", by=program[0] + more
        )
    touched = {files[path] for path in paths if path in files}
    stacks = tuple(name for name in there.paths if name in touched)
    return Changed(stacks=stacks, gone=gone, why="their files change")


def all_stacks(commit: str, root: Path = ROOT) -> tuple[str, ...]:
    """The stacks that have a file in a commit. Raises ``ForgeError`` where there is none."""
    return tuple(_of(Git(root), commit).paths)


@dataclass(frozen=True)
class _Stacks:
    """Files by the names of stacks, in their order, as paths in the repository. ``others`` are
    other files that the stack files may name.
    """

    folder: str
    paths: Mapping[str, str]
    others: frozenset[str]


def _of(git: Git, name: str) -> _Stacks:
    try:
        state = revision(git, name)
        project = layout.project(state)
        if project is None:
            raise ForgeError(f"{layout.PROJECT_FILE}: is not there at {title(state)}")
        found = layout.stack_files(state, project)
    except (RevisionError, LayoutError) as error:
        raise ForgeError(sanitized(str(error))) from None
    for problems in found.unclear.values():
        raise ForgeError(sanitized("; ".join(problems)))
    for file in (*found.odd, *(path for stack, path in found.paths.items() if stack[0] in "-.")):
        raise ForgeError(
            f"{sanitized(file)}: is not the file of a stack that Pulumi could have; "
            "use letters, digits, `.`, `_` and `-`"
        )
    if not found.paths:
        raise ForgeError(
            f"there is no stack file in {sanitized(project.folder)} at {title(state)}, so there is "
            "nothing to look at; see stackConfigDir in the project file"
        )
    paths = {stack: posixpath.normpath(path) for stack, path in sorted(found.paths.items())}
    others = frozenset(one for path in paths.values() for one in _texts(state, path))
    return _Stacks(posixpath.normpath(project.folder), paths, others)


def _texts(state: Commit, path: str) -> Iterator[str]:
    """Yield every text in a stack file that may be the path of another file, like a blueprint."""
    try:
        waiting: list[object] = [yaml_document.read(state, path)]
    except (Unreadable, OSError, UnicodeDecodeError):
        # The preview reports the problem.
        return
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            # Texts in JSON too, which Pulumi reads as a section.
            yield from (posixpath.normpath(text) for text in _QUOTED.findall(one))


def _is_program(path: str, there: _Stacks, read: frozenset[str]) -> bool:
    if path in read:
        return True
    is_schema = path == posixpath.join(there.folder, _SCHEMA)
    return not is_schema and path.partition("/")[0] not in NOT_PROGRAM
