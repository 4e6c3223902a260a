"""Reads a compose file into services, in any of Compose's spellings."""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from newt_tunnel.tools.adopt import AdoptError, compose_config, variables, yaml12
from newt_tunnel.tools.adopt.compose_ports import Published, published

_ENV = ".env"


@dataclass(frozen=True)
class ComposeService:
    """One service. ``tree`` is as written, with variables replaced."""

    name: str
    tree: Mapping[str, object]
    #: Of the compose file.
    folder: Path
    #: May hold secrets, like newt's.
    environment: Mapping[str, str] = field(repr=False)

    def text(self, key: str) -> str:
        value = self.tree.get(key)
        return value if isinstance(value, str) else ""

    @property
    def words(self) -> list[str]:
        """Entrypoint and command, as words."""
        return [word for key in ("entrypoint", "command") for word in _words(self.tree.get(key))]

    @property
    def mounts(self) -> list[str]:
        """Return the mounts from the host, as absolute paths."""
        return [
            path
            for one in _items(self.tree.get("volumes"))
            if (path := _host_path(one, self.folder)) is not None
        ]

    @property
    def networks(self) -> Mapping[str, Mapping[str, object]]:
        """Return the options of each network. A service without networks is on the project's
        default.
        """
        if self.text("network_mode"):
            return {}
        written = self.tree.get("networks") or {"default": None}
        if isinstance(written, list):
            return {str(name): {} for name in written}
        return {str(name): mapping(how) for name, how in mapping(written).items()}

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of its containers, in whichever form they are written."""
        written = self.tree.get("labels")
        pairs = written.items() if isinstance(written, dict) else _pairs(_items(written))
        return {str(name): "" if value is None else _as_text(value) for name, value in pairs}

    @property
    def exposed(self) -> list[Published]:
        """Ports on which it says that it listens, published or not, once each."""
        written = [port for one in _items(self.tree.get("expose")) for port in published(one)]
        own = (Published(p.container_port, None, None, p.protocol) for p in [*written, *self.ports])
        return list(dict.fromkeys(own))

    @property
    def ports(self) -> list[Published]:
        return [port for one in _items(self.tree.get("ports")) for port in published(one)]


@dataclass(frozen=True)
class ComposeProject:
    #: By which Compose labels its containers.
    name: str
    services: Mapping[str, ComposeService]
    #: Subnets by network.
    subnets: Mapping[str, tuple[str, ...]]


def read(path: Path, environment: Mapping[str, str] = os.environ) -> ComposeProject:
    """Read a compose file and the ``.env`` in its folder. Raises ``AdoptError``."""
    _is_named(path)
    paths = compose_config.files(path)
    text = compose_config.config(paths, environment) if path.is_file() else None
    document = _document(path, text)
    if text is None:
        _readable_by_hand(paths, document)
    beside = path.parent / _ENV
    # A variable of the shell wins over the file.
    known = {**(variables.read(beside, environment) if beside.exists() else {}), **environment}
    # Compose has replaced them, and written every other `$` as `$$`.
    tree = mapping(variables.substituted(document, {} if text else known))
    return ComposeProject(
        name=_project_name(path, document if text is None else _document(path, None)),
        services={
            str(name): _service(str(name), mapping(one), path.parent, known)
            for name, one in mapping(tree["services"]).items()
        },
        subnets={
            str(name): tuple(_subnets(mapping(network)))
            for name, network in mapping(tree.get("networks")).items()
        },
    )


def _project_name(path: Path, written: Mapping[str, object]) -> str:
    """Return the name in the file, or the folder's in Compose's spelling."""
    name = written.get("name")
    if isinstance(name, str) and "$" not in name:
        return name
    folder = path.absolute().parent.name.lower()
    return re.sub(r"[^a-z0-9_-]", "", folder).lstrip("_-") or "project"


def _is_named(path: Path) -> None:
    """Raises ``AdoptError`` where ``path`` is empty or a folder."""
    if path == Path():
        raise AdoptError(
            "no compose file is given; write its path, like COMPOSE=~/newt/compose.yaml for make"
        )
    if path.is_dir():
        there = [name for name in compose_config.DEFAULT_NAMES if (path / name).is_file()]
        raise AdoptError(
            f"{path}: is a folder; write the compose file in it, like "
            f"{path / (there or compose_config.DEFAULT_NAMES)[0]}"
        )


def _document(path: Path, text: str | None) -> dict[str, object]:
    try:
        document = yaml12.load(text or path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AdoptError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        # The text around the error may be a secret.
        raise AdoptError(f"{path}{where}: is not YAML that can be read") from None
    if not isinstance(document, dict) or not (
        isinstance(document.get("services"), dict) or "include" in document
    ):
        raise AdoptError(f"{path}: has no `services`; is it a compose file?")
    return document


def _readable_by_hand(paths: Sequence[Path], document: Mapping[str, object]) -> None:
    """Raises ``AdoptError`` where other files belong to the project."""
    services = mapping(document.get("services"))
    needs = [f"`{key}`" for key in ("include",) if document.get(key)]
    needs += ["`extends`"] * any("extends" in mapping(one) for one in services.values())
    needs += [path.name for path in paths[1:]]
    if needs:
        raise AdoptError(
            f"{paths[0]}: {needs[0]} brings in another file, which only Compose can merge; where "
            "it is installed, run in this folder: docker compose config --format json > "
            "whole.json, and adopt whole.json (it holds newt's secret: delete it afterwards)"
        )


def _service(
    name: str, tree: Mapping[str, object], folder: Path, known: Mapping[str, str]
) -> ComposeService:
    environment: dict[str, str] = {}
    for one in _items(tree.get("env_file")):
        file = one.get("path", "") if isinstance(one, dict) else one
        needed = not isinstance(one, dict) or one.get("required", True)
        path = folder / str(file)
        if needed or path.exists():
            environment |= variables.read(path, known)
    environment |= _environment(tree.get("environment"), known)
    return ComposeService(name, tree, folder, environment)


def _environment(written: object, known: Mapping[str, str]) -> dict[str, str]:
    """Read a list or a map. A variable without a value takes it from outside."""
    pairs = list(written.items()) if isinstance(written, dict) else _pairs(_items(written))
    return {
        str(name): known[str(name)] if value is None else _as_text(value)
        for name, value in pairs
        if value is not None or str(name) in known
    }


def _pairs(written: list[object]) -> list[tuple[object, object]]:
    split = [str(one).partition("=") for one in written]
    return [(name, value if equals else None) for name, equals, value in split]


def is_true(value: object) -> bool:
    """Read a switch as Compose does, also as text from a variable."""
    return str(value).lower() in ("true", "y", "yes", "on", "1")


def _as_text(value: object) -> str:
    # YAML's true is Python's True.
    return str(value).lower() if isinstance(value, bool) else str(value)


def _subnets(network: Mapping[str, object]) -> Iterator[str]:
    for one in _items(mapping(network.get("ipam")).get("config")):
        if isinstance(one, dict) and isinstance(one.get("subnet"), str):
            yield one["subnet"]


def _host_path(mount: object, folder: Path) -> str | None:
    """Return the host's path; None for a named or an anonymous volume."""
    if isinstance(mount, dict):
        source = str(mount.get("source", ""))
        is_path = mount.get("type", "bind") == "bind"
    else:
        source, colon, _ = str(mount).partition(":")
        is_path = bool(colon) and source.startswith((".", "/", "~"))
    if not is_path:
        return None
    path = posixpath.normpath(posixpath.join(folder.absolute(), posixpath.expanduser(source)))
    # POSIX lets a path start with two slashes.
    return "/" + path.lstrip("/")


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError:
            return value.split()
    return [str(word) for word in _items(value)]


def _items(value: object) -> list[object]:
    """Return a list, also for a single item."""
    return value if isinstance(value, list) else [] if value is None else [value]


def mapping(value: object) -> Mapping[str, object]:
    """``value`` where it is a map; else an empty one."""
    return value if isinstance(value, dict) else {}
