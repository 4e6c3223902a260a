"""The stacks of a revision, each with its settings: what the engine would have read, without it.

Encrypted values stay as they are and are not needed; no check asks for what each checkout adds
(secrets, the host key). What is wrong with a file is said by the settings' own checks.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from review import document, text
from review.document import Unreadable
from review.revisions import State
from settings import load, secrets
from settings.files import Files
from settings.findings import keys_of
from settings.stack import AnySettings

PROJECT_FILE = "Pulumi.yaml"
_STACK_FILE = re.compile(r"Pulumi\.([A-Za-z0-9_.-]{1,100})\.yaml")
_LOOKS_LIKE_ONE = re.compile(r"Pulumi\..+\.ya?ml", re.DOTALL)
#: How Pulumi.yaml describes a key instead of just giving its value.
_DESCRIPTION = {"type", "description", "items", "default", "value", "secret"}
_SECURE = {"secure"}
_KEY_TYPE = b"ssh-ed25519"
#: In place of a host key that is not written yet: it has no part in what newt reaches.
_NO_HOST_KEY = (
    "ssh-ed25519 "
    + base64.b64encode(
        len(_KEY_TYPE).to_bytes(4, "big") + _KEY_TYPE + (32).to_bytes(4, "big") + bytes(32)
    ).decode()
)


@dataclass(frozen=True, kw_only=True)
class Project:
    """What Pulumi.yaml says: the name, the folder of the stack files, values for all stacks."""

    name: str
    folder: str
    config: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """``hints`` are sentences on what is wrong with the file and not with newt's reach."""

    settings: AnySettings
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unloadable:
    """A file that the program would refuse, too. ``problems`` are lines as it prints them."""

    problems: tuple[str, ...]


class NotLoadedError(Exception):
    """There is no such stack, or the program would refuse it; the text says which, for people."""


def project(state: State) -> Project | None:
    """None where there is no Pulumi.yaml. Raises ``Unreadable`` and ``OSError``."""
    try:
        tree = _document(state, PROJECT_FILE)
    except FileNotFoundError:
        return None
    name, config = tree.get("name"), tree.get("config", {})
    folder = tree.get("stackConfigDir")
    if folder is None and isinstance(config, str):
        # As it was called before there were values.
        folder, config = config, {}
    if not isinstance(name, str) or not isinstance(config or {}, Mapping):
        raise Unreadable("needs a `name`, and `config` as a map")
    if not isinstance(folder or "", str):
        raise Unreadable("has a stackConfigDir that is no text")
    return Project(
        name=name,
        folder=str(folder or "."),
        config=dict(_defaults(name, config if isinstance(config, Mapping) else {})),
    )


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


def files(state: State, project: Project) -> tuple[dict[str, str], tuple[str, ...]]:
    """The stack files by the name of their stack, and files whose name no stack can have."""
    found, odd = {}, []
    for name in state.files_in(project.folder):
        stack = _STACK_FILE.fullmatch(name)
        if stack:
            found[stack[1]] = name if project.folder == "." else f"{project.folder}/{name}"
        elif _LOOKS_LIKE_ONE.fullmatch(name):
            odd.append(name)
    return found, tuple(odd)


def load_stack(state: State, project: Project, path: str) -> Stack | Unloadable:
    """What the stack file at ``path`` means."""
    try:
        tree = _document(state, path)
        config = _config(project, tree)
    except Unreadable as error:
        return Unloadable((str(error),))
    except (OSError, UnicodeDecodeError) as error:
        return Unloadable((why_unread(error),))
    encrypted = {key for key, value in config.items() if _is_encrypted(value)}
    plain = {key: _as_read(value) for key, value in config.items() if key not in encrypted}
    settings, problems, remarks = _judged(plain, encrypted, state)
    if settings is None or problems:
        return Unloadable(tuple(dict.fromkeys(str(problem) for problem in problems)))
    hints = (*_hints(tree, plain, settings), *(str(one) for one in remarks if one.is_warning))
    return Stack(settings=settings, hints=hints)


def settings_of(stack: str, state: State) -> tuple[Project, AnySettings]:
    """Of the stack with that name. Raises ``NotLoadedError``."""
    try:
        found = project(state)
    except (Unreadable, OSError, UnicodeDecodeError) as error:
        raise NotLoadedError(f"{PROJECT_FILE}: {error}") from None
    if found is None:
        raise NotLoadedError(f"{PROJECT_FILE}: is not there; run this in its folder")
    paths, _ = files(state, found)
    if stack not in paths:
        known = ", ".join(sorted(paths)) or "none"
        raise NotLoadedError(f"{text.plain(stack)}: is no stack here; there are: {known}")
    loaded = load_stack(state, found, paths[stack])
    if isinstance(loaded, Unloadable):
        lines = "\n".join(f"  {problem}" for problem in loaded.problems)
        raise NotLoadedError(f"{paths[stack]}: the program would refuse it:\n{lines}")
    return found, loaded.settings


def why_unread(error: OSError | UnicodeDecodeError) -> str:
    """For people."""
    if isinstance(error, UnicodeDecodeError):
        return "is not text in UTF-8"
    return error.strerror or type(error).__name__


def _document(state: State, path: str) -> Mapping[str, object]:
    return document.mapping(state.read(path))


def _config(project: Project, tree: Mapping[str, object]) -> dict[str, object]:
    config = tree.get("config") or {}
    if not isinstance(config, Mapping):
        raise Unreadable("config: is not a map of keys")
    found = dict(project.config)
    for full_key, value in config.items():
        namespace, colon, key = str(full_key).partition(":")
        if not colon:
            raise Unreadable(f"{namespace}: has no project; write {project.name}:{namespace}")
        if namespace == project.name:
            found[key] = value
    return found


def _is_encrypted(value: object) -> bool:
    """Whole or in part."""
    if isinstance(value, Mapping):
        return value.keys() == _SECURE or any(map(_is_encrypted, value.values()))
    return isinstance(value, list) and any(map(_is_encrypted, value))


def _as_read(value: object) -> object:
    """Pulumi hands plain values over as text, which may be JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return load.decoded(value) if isinstance(value, str) else value


def _judged(plain: Mapping[str, object], encrypted: set[str], files: Files) -> load.Judgement:
    """Like ``load.load``, less the secrets and what is only known where Pulumi runs."""
    model = load.model_of(plain)
    in_vain = encrypted & set(keys_of(model)) - set(model.secret_keys)
    left_out = in_vain | set(model.secret_keys)
    tree = {key: plain.get(key) for key in {*plain, *encrypted} - left_out}
    docker = tree.get("docker")
    if isinstance(docker, Mapping) and docker.get("hostKey") is None:
        tree["docker"] = {**docker, "hostKey": _NO_HOST_KEY}
    settings, problems, remarks = load.examine(tree, files)
    problems = [problem for problem in problems if problem.key.partition(".")[0] not in in_vain]
    problems += [load.encrypted_in_vain(key, model.secret_keys) for key in sorted(in_vain)]
    return load.Judgement(settings, problems, remarks)


def _hints(
    tree: Mapping[str, object], plain: Mapping[str, object], settings: AnySettings
) -> Iterator[str]:
    written = {key: "" for key in settings.secret_keys if key in plain}
    yield from (str(problem) for problem in secrets.check(written, frozenset()))
    if tree.get("environment"):
        yield (
            "environment: what it imports is not in this repository, and this review does not see "
            "it"
        )
