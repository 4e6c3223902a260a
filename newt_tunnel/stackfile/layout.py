"""Which files the engine reads: the project file, and one file per stack. Only this module knows.

As `sdk/go/common/workspace/paths.go` of Pulumi 3.254.0 finds them: the project file is the first of
`Pulumi.json`, `Pulumi.yaml` and `Pulumi.yml` in this folder or the nearest one above; a stack file
has the project file's ending. If a second file could be meant, here or on a disk that ignores case,
it reports that and takes neither. Leaves out what the keys of a stack file mean.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from newt_tunnel.stackfile import yaml_document
from newt_tunnel.stackfile.revisions import State
from newt_tunnel.stackfile.yaml_document import Unreadable

#: In the engine's order of preference.
ENDINGS = (".json", ".yaml", ".yml")
PROJECT_FILE = "Pulumi.yaml"
_PROJECT_FILES = tuple(f"Pulumi{ending}" for ending in ENDINGS)
_STACK_NAME = r"[A-Za-z0-9_.-]{1,100}"
_VALID_NAME = re.compile(_STACK_NAME)
_STACK_FILE = re.compile(rf"Pulumi\.({_STACK_NAME})\.(?:json|yaml|yml)", re.IGNORECASE)
_FOLDED_STACK_FILE = re.compile(r"pulumi\.(.+)\.(?:json|yaml|yml)", re.DOTALL)
#: How Pulumi.yaml describes a key instead of just giving its value.
_DESCRIPTION = {"type", "description", "items", "default", "value", "secret"}
#: Keys of the project file that are compared by their meaning, or have none.
_JUDGED_KEYS = {"name", "description", "config", "stackConfigDir"}


class LayoutError(Exception):
    """It is not clear which file the engine reads, or it cannot be read.

    The text begins with the file, and says what to do.
    """


@dataclass(frozen=True, kw_only=True)
class Project:
    """The project file: its name, the folder of the stack files, values for all stacks.

    ``others`` are values for other providers and keys of the file that are no settings.
    """

    file: str
    name: str
    folder: str
    config: Mapping[str, object]
    others: Mapping[str, object] = field(default_factory=dict)

    @property
    def ending(self) -> str:
        return posixpath.splitext(self.file)[1]


@dataclass(frozen=True, kw_only=True)
class StackFiles:
    """Paths by the names of stacks. ``unclear``: stacks whose file the engine may or may not read,
    and why; no such stack has a path. ``odd``: files whose name no stack can have.
    """

    paths: Mapping[str, str]
    unclear: Mapping[str, tuple[str, ...]]
    odd: tuple[str, ...]


def is_stack_name(name: str) -> bool:
    """Whether a stack can have the name."""
    return _VALID_NAME.fullmatch(name) is not None


def project(state: State) -> Project | None:
    """Return the project, or None without a project file. Raises ``LayoutError``."""
    file = PROJECT_FILE
    try:
        found = _project_file(state)
        if found is None:
            return None
        file = found
        return _project(file, yaml_document.read(state, file))
    except Unreadable as error:
        raise LayoutError(f"{file}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise LayoutError(f"{file}: {yaml_document.why_unread(error)}") from error


def stack_files(state: State, project: Project) -> StackFiles:
    """Find the stack files. Raises ``LayoutError`` if the folder itself is unclear."""
    folder = project.folder
    try:
        if other := _other_spelling(state, folder):
            raise LayoutError(f"{other}: is another spelling of stackConfigDir {folder}; keep one")
        names = state.files_in(folder)
    except OSError as error:
        raise LayoutError(f"{folder}: {yaml_document.why_unread(error)}") from error
    groups: dict[str, list[str]] = {}
    for name in names:
        if found := _FOLDED_STACK_FILE.fullmatch(folded(name)):
            groups.setdefault(found[1], []).append(name)
    paths, unclear, odd = {}, {}, []
    for stack, files in groups.items():
        name = next((found[1] for one in files if (found := _STACK_FILE.fullmatch(one))), stack)
        if len(files) == 1 and not _VALID_NAME.fullmatch(stack):
            odd.append(files[0])
        elif files == [f"Pulumi.{name}{project.ending}"]:
            paths[name] = files[0] if folder == "." else f"{folder}/{files[0]}"
        else:
            unclear[name] = (_why_unclear(files, name, project),)
    return StackFiles(paths=paths, unclear=unclear, odd=tuple(odd))


def spellings(state: State, path: str) -> Iterator[str]:
    """Return other names that a disk could take for a part of ``path``. Raises ``OSError``."""
    while path not in ("", ".", "..") and not path.endswith("/.."):
        folder, name = posixpath.split(path)
        for other in state.files_in(folder or "."):
            if other != name and folded(other) == folded(name):
                yield posixpath.join(folder, other)
        path = folder


def folded(name: str) -> str:
    """Return a text that is equal for names that some file system treats as one: APFS and NTFS
    ignore case, HFS+ invisible characters, Windows dots and spaces at the end.
    """
    seen = "".join(one for one in name if unicodedata.category(one) != "Cf")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold()).rstrip(
        ". "
    )


def _project_file(state: State) -> str | None:
    found = _candidates(state.files_in("."))
    if len(found) > 1:
        raise LayoutError(
            f"{', '.join(found)}: more than one project file, of which the engine reads the first "
            f"in the order {', '.join(_PROJECT_FILES)}; keep one"
        )
    if found and found[0] not in _PROJECT_FILES:
        raise LayoutError(
            f"{found[0]}: only some disks take it for a project file; call it {PROJECT_FILE}"
        )
    if found:
        return found[0]
    for depth in range(1, state.prefix.count("/") + 1):
        above = "/".join([".."] * depth)
        for name in _candidates(state.files_in(above)):
            raise LayoutError(
                f"{above}/{name}: the engine reads this one, because there is none here; start in "
                "its folder"
            )
    return None


def _candidates(names: Sequence[str]) -> list[str]:
    """In the engine's order."""
    order = [folded(file) for file in _PROJECT_FILES]
    found = [(order.index(folded(name)), name) for name in names if folded(name) in order]
    return [name for _, name in sorted(found)]


def _project(file: str, tree: Mapping[str, object]) -> Project:
    name, config = tree.get("name"), tree.get("config", {})
    folder = tree.get("stackConfigDir")
    if isinstance(config, str):
        # The former key, from before there were values.
        if folder is not None:
            raise Unreadable("has both stackConfigDir and a folder as `config`; keep the first")
        folder, config = config, {}
    if not isinstance(name, str) or not isinstance(config or {}, Mapping):
        raise Unreadable("needs a `name`, and `config` as a map")
    if not isinstance(folder or "", str):
        raise Unreadable("has a stackConfigDir that is no text")
    config = config if isinstance(config, Mapping) else {}
    others = {key: value for key, value in tree.items() if key not in _JUDGED_KEYS}
    return Project(
        file=file,
        name=name,
        folder=str(folder or "."),
        config=dict(_defaults(name, config)),
        others=others | {f"config {key}": value for key, value in _foreign(name, config)},
    )


def _foreign(project: str, config: Mapping[object, object]) -> Iterator[tuple[str, object]]:
    for full_key, value in config.items():
        namespace, colon, _ = str(full_key).partition(":")
        if colon and namespace != project:
            yield str(full_key), value


def _defaults(project: str, config: Mapping[object, object]) -> Iterator[tuple[str, object]]:
    for full_key, value in config.items():
        namespace, colon, key = str(full_key).partition(":")
        if colon and namespace != project:
            continue
        if isinstance(value, Mapping) and value.keys() <= _DESCRIPTION:
            # With both, Pulumi takes the default.
            value = value.get("default", value.get("value"))
        if value is not None:
            yield (key if colon else namespace), value


def _other_spelling(state: State, folder: str) -> str | None:
    return next(spellings(state, posixpath.normpath(folder)), None)


def _why_unclear(files: Sequence[str], stack: str, project: Project) -> str:
    usual = f"Pulumi.{stack}{project.ending}"
    if len(files) > 1:
        return (
            f"{', '.join(sorted(files))}: more than one file for a stack, where the engine reads "
            f"{usual}, and on some disks any; keep one"
        )
    return (
        f"{files[0]}: the engine reads {usual}, because the project file is {project.file}; "
        "rename it"
    )
