"""Files of a review that differ between the working tree and the commit under review.

A review of commits alone would report no change for an edited stack file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from newt_tunnel.stackfile import layout
from newt_tunnel.stackfile.git import Git, RevisionError
from newt_tunnel.stackfile.layout import LayoutError
from newt_tunnel.stackfile.revisions import State, WorkingTree
from newt_tunnel.tools.review.stack_reviews import Review


def edits(found: Review, folder: Path) -> tuple[str, ...]:
    """Return their paths; none if the head of the review is not checked out in ``folder``."""
    if not _is_checked_out(found.head, folder):
        return ()
    tree = WorkingTree(folder, found.head.prefix)
    paths = {*_read_at(found.head), *_read_at(tree)}
    for stack in found.stacks:
        if stack.after and (blueprint := stack.after.settings.blueprint.file):
            paths.add(blueprint)
    return tuple(path for path in sorted(paths) if _text(found.head, path) != _text(tree, path))


def _is_checked_out(state: State, folder: Path) -> bool:
    if state.commit is None:
        return False
    try:
        return state.commit == Git(folder).commit_of("HEAD")
    except RevisionError:
        return False


def _read_at(state: State) -> Iterator[str]:
    """Return the texts of the project file and the stack files; an unclear layout is reported
    elsewhere.
    """
    try:
        if project := layout.project(state):
            yield project.file
            yield from layout.stack_files(state, project).paths.values()
    except LayoutError:
        return


def _text(state: State, path: str) -> str | None:
    """Return the text, or None. A checkout may have other line ends."""
    try:
        return "\n".join(state.read(path).splitlines())
    except (OSError, UnicodeDecodeError):
        return None
