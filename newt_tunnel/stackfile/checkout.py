"""Files whose checkout may differ from the reviewed text, and why.

The review reads blobs; the engine reads what git and a file system make of them. ``Reading``
records every file that was read. Leaves out line ends that only follow the platform (`text`): YAML
and JSON read both kinds alike.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from newt_tunnel.stackfile import layout, yaml_document
from newt_tunnel.stackfile.revisions import Attributes, State

_ATTRIBUTES_FILE = ".gitattributes"
#: Effects of an attribute on a checkout or an archive (gitattributes(5)).
_REWRITES: Mapping[str, str] = {
    "filter": "a program of the machine that checks it out rewrites it, as Git LFS does",
    "working-tree-encoding": "a checkout has it in another encoding",
    "ident": "a checkout writes the blob's hash in place of $Id$",
    "eol": "a checkout ends its lines with CR LF",
    "export-subst": "an archive has other text in place of $Format$",
    "export-ignore": "an archive does not have it",
}
_OFF = ("unset", "unspecified")
#: Values of attributes that change nothing.
_SAME = {("eol", "lf")}


@dataclass(frozen=True)
class Reading:
    """``state``, and which of its files were read."""

    state: State
    paths: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def commit(self) -> str | None:
        return self.state.commit

    @property
    def prefix(self) -> str:
        return self.state.prefix

    def read(self, path: str) -> str:
        self.paths.add(path)
        return self.state.read(path)

    def files_in(self, folder: str) -> tuple[str, ...]:
        return self.state.files_in(folder)

    def is_regular_file(self, path: str) -> bool:
        return self.state.is_regular_file(path)

    def attributes(self, paths: Sequence[str], /) -> Attributes:
        return self.state.attributes(paths)

    def doubts(self) -> tuple[str, ...]:
        """Yield sentences, each beginning with a file."""
        paths = sorted(self.paths)
        if not paths:
            return ()
        try:
            return tuple(dict.fromkeys(_doubts(self.state, paths)))
        except OSError as error:
            return (f"{paths[0]}: {yaml_document.why_unread(error)}",)


def _doubts(state: State, paths: Sequence[str]) -> Iterator[str]:
    attributes = state.attributes(paths)
    for path in paths:
        for key, value in attributes.get(path, {}).items():
            if key in _REWRITES and value not in _OFF and (key, value) not in _SAME:
                yield f"{path}: has the attribute {key}={value}: {_REWRITES[key]}"
        for other in layout.spellings(state, path):
            yield f"{other}: is {path}, or a part of it, on a disk that ignores case; keep one"
    if state.commit is not None:
        for folder in dict.fromkeys(folder for path in paths for folder in _above(state, path)):
            yield from _odd_attributes_files(state, folder)


def _odd_attributes_files(state: State, folder: str) -> Iterator[str]:
    for name in state.files_in(folder):
        path = posixpath.join(folder, name) if folder != "." else name
        if layout.folded(name) == _ATTRIBUTES_FILE and not (
            name == _ATTRIBUTES_FILE and state.is_regular_file(path)
        ):
            yield f"{path}: a checkout may take attributes from it; make it a plain file"


def _above(state: State, path: str) -> Iterator[str]:
    """The folders of ``path`` up to the root of the repository."""
    folder = posixpath.dirname(path)
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield "."
    for depth in range(1, state.prefix.count("/") + 1):
        yield "/".join([".."] * depth)
