"""The stacks of a revision, each with its settings: reads what the engine would read, without it.

Encrypted values stay as they are and are not needed. A file loads without what each checkout adds
(secrets, the host key); ``checkout_problems`` reports that. The settings' own checks judge the
rest.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from newt_tunnel.findings import MISSING, Finding
from newt_tunnel.settings import cluster_checks, hostkey, load, secrets
from newt_tunnel.settings.files import Files
from newt_tunnel.settings.stack import AnySettings, KubernetesSettings
from newt_tunnel.settings.validation_errors import keys_of
from newt_tunnel.stackfile import layout, untrusted_text, yaml_document
from newt_tunnel.stackfile.layout import PROJECT_FILE, LayoutError, Project, StackFiles
from newt_tunnel.stackfile.revisions import State
from newt_tunnel.stackfile.yaml_document import Unreadable, why_unread

_SECURE = {"secure"}
_KEY_TYPE = b"ssh-ed25519"
#: In place of a missing host key, which does not affect newt's reach.
_NO_HOST_KEY = (
    "ssh-ed25519 "
    + base64.b64encode(
        len(_KEY_TYPE).to_bytes(4, "big") + _KEY_TYPE + (32).to_bytes(4, "big") + bytes(32)
    ).decode()
)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """``hints`` are sentences about problems of the file that do not affect newt's reach.

    ``secrets``, and ``around`` for keys of other providers and of Pulumi itself, are hashes, which
    can only be compared. ``checkout_problems`` are about secrets and the host key: the program
    refuses each of them, and a missing one is still to be set.
    """

    settings: AnySettings
    hints: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    around: Mapping[str, str] = field(default_factory=dict)
    checkout_problems: tuple[Finding, ...] = ()

    @property
    def still_to_be_set(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.checkout_problems if one.value == MISSING)

    @property
    def refused(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.checkout_problems if one.value != MISSING)


@dataclass(frozen=True)
class Unloadable:
    """A file that the program would refuse, too. ``problems`` are lines as it prints them."""

    problems: tuple[str, ...]


class NotLoadedError(Exception):
    """There is no such stack, or the program would refuse it; the text says which, for people."""


def load_stack(state: State, project: Project, path: str) -> Stack | Unloadable:
    """Load the stack file at ``path``."""
    try:
        tree = yaml_document.read(state, path)
        config = _config(project, tree)
    except Unreadable as error:
        return Unloadable((str(error),))
    except (OSError, UnicodeDecodeError) as error:
        return Unloadable((why_unread(error),))
    encrypted = {key for key, value in config.items() if _is_encrypted(value)}
    cleartext = {key: _as_read(value) for key, value in config.items() if key not in encrypted}
    settings, problems, remarks, _ = _validated(cleartext, encrypted, state)
    if settings is None or problems:
        return Unloadable(tuple(dict.fromkeys(str(problem) for problem in problems)))
    hints = (*_hints(tree, cleartext, settings), *(str(one) for one in remarks if one.is_warning))
    return Stack(
        settings=settings,
        hints=hints,
        secrets={key: _hash(config[key]) for key in settings.secret_keys if key in config},
        around={key: _hash(value) for key, value in _around(project, tree)},
        checkout_problems=tuple(_checkout_problems(cleartext, encrypted, settings)),
    )


def names(state: State) -> tuple[str, ...]:
    """Return the names of the stacks with a file. Raises ``NotLoadedError`` if there is none."""
    _, files = _layout(state)
    if found := tuple(sorted({*files.paths, *files.unclear})):
        return found
    raise NotLoadedError(f"{PROJECT_FILE}: there is no stack file; write one like Pulumi.nas.yaml")


def settings_of(stack: str, state: State) -> tuple[Project, AnySettings]:
    """Load the project and the settings of the stack ``stack``. Raises ``NotLoadedError``."""
    project, loaded = load_by_name(stack, state)
    return project, loaded.settings


def load_by_name(stack: str, state: State) -> tuple[Project, Stack]:
    """Load the project and the stack ``stack``. Raises ``NotLoadedError``."""
    found, files = _layout(state)
    if stack in files.unclear:
        raise NotLoadedError("\n".join(files.unclear[stack]))
    paths = files.paths
    if stack not in paths:
        known = ", ".join(sorted(paths)) or "none"
        raise NotLoadedError(
            f"{untrusted_text.sanitized(stack)}: is no stack here; there are: {known}"
        )
    loaded = load_stack(state, found, paths[stack])
    if isinstance(loaded, Unloadable):
        lines = "\n".join(f"  {problem}" for problem in loaded.problems)
        raise NotLoadedError(f"{paths[stack]}: the program would refuse it:\n{lines}")
    return found, loaded


def _layout(state: State) -> tuple[Project, StackFiles]:
    try:
        found = layout.project(state)
        if found is None:
            raise NotLoadedError(f"{PROJECT_FILE}: is not there; run this in its folder")
        return found, layout.stack_files(state, found)
    except LayoutError as error:
        raise NotLoadedError(str(error)) from None


def _config(project: Project, tree: Mapping[str, object]) -> dict[str, object]:
    config = tree.get("config") or {}
    if not isinstance(config, Mapping):
        raise Unreadable("config: is not a map of keys")
    written: dict[str, object] = {}
    for full_key, value in config.items():
        namespace, colon, key = str(full_key).partition(":")
        if colon and namespace != project.name:
            continue
        # The engine takes a key without a project for this one's.
        own = key if colon else namespace
        if own in written:
            raise Unreadable(f"{own}: is there twice, with and without {project.name}:; keep one")
        written[own] = value
    return {**project.config, **written}


def _around(project: Project, tree: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    yield from ((key, value) for key, value in tree.items() if key != "config")
    config = tree.get("config")
    for full_key, value in config.items() if isinstance(config, Mapping) else ():
        namespace, colon, _ = str(full_key).partition(":")
        if colon and namespace != project.name:
            yield str(full_key), value


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _is_encrypted(value: object) -> bool:
    """Whole or in part."""
    if isinstance(value, Mapping):
        return value.keys() == _SECURE or any(map(_is_encrypted, value.values()))
    return isinstance(value, list) and any(map(_is_encrypted, value))


def _as_read(value: object) -> object:
    """Return the value as Pulumi passes it: plain values are text, which may be JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return load.decoded(value) if isinstance(value, str) else value


def _validated(
    cleartext: Mapping[str, object], encrypted: set[str], files: Files
) -> load.Judgement:
    """Validate like ``load.load``, without secrets and what is only known where Pulumi runs."""
    model = load.model_of(cleartext)
    in_vain = encrypted & set(keys_of(model)) - set(model.secret_keys)
    left_out = in_vain | set(model.secret_keys)
    tree = {key: cleartext.get(key) for key in {*cleartext, *encrypted} - left_out}
    docker = tree.get("docker")
    if isinstance(docker, Mapping) and docker.get("hostKey") is None:
        tree["docker"] = {**docker, "hostKey": _NO_HOST_KEY}
    settings, problems, remarks, facts = load.examine(tree, files)
    problems = [problem for problem in problems if problem.key.partition(".")[0] not in in_vain]
    problems += [load.encrypted_in_vain(key, model.secret_keys) for key in sorted(in_vain)]
    return load.Judgement(settings, problems, remarks, facts)


def _checkout_problems(
    cleartext: Mapping[str, object], encrypted: set[str], settings: AnySettings
) -> Iterator[Finding]:
    """Yield the problems of ``load.load`` with secrets, without their values, and the host key."""
    written = {*cleartext, *encrypted}
    given = written & set(settings.secret_keys)
    if isinstance(settings, KubernetesSettings):
        yield from cluster_checks.beside_secrets(cleartext.get("kubernetes"), given)
    else:
        if settings.docker.host_key == _NO_HOST_KEY:
            yield Finding("docker.hostKey", MISSING, hostkey.HELP)
        yield from secrets.identity(given, newt_id_written="newtId" in written)
        yield from secrets.kept_from_logs(given, settings.newt.log_level)
    yield from _in_plain_text(cleartext, settings)


def _in_plain_text(cleartext: Mapping[str, object], settings: AnySettings) -> Iterator[Finding]:
    written = {key: "" for key in settings.secret_keys if key in cleartext}
    yield from secrets.check(written, frozenset())


def _hints(
    tree: Mapping[str, object], cleartext: Mapping[str, object], settings: AnySettings
) -> Iterator[str]:
    yield from map(str, _in_plain_text(cleartext, settings))
    if tree.get("environment"):
        yield "environment: its values are not in this repository, so they are not read here"
