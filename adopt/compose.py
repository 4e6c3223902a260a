"""A compose file as services, whatever spelling they use."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from adopt import variables
from adopt.errors import AdoptError

_ENV = ".env"


@dataclass(frozen=True)
class Published:
    """A port of a service on its host. ``host_port`` None: Docker chooses one at every start.

    ``address`` is the host's address it is bound to; None: all. Ports as they are written: one, or
    a range.
    """

    container_port: str
    host_port: str | None
    address: str | None = None
    protocol: str = "tcp"


@dataclass(frozen=True)
class Service:
    """One service. ``tree`` is as written, its variables put in."""

    name: str
    tree: Mapping[str, object]
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
        """What is mounted from the host or from volumes: ``SOURCE``."""
        return [
            str(one.get("source", "")) if isinstance(one, dict) else str(one).partition(":")[0]
            for one in _items(self.tree.get("volumes"))
        ]

    @property
    def networks(self) -> Mapping[str, Mapping[str, object]]:
        """Network to how this service is on it."""
        written = self.tree.get("networks", {"default": None})
        if isinstance(written, list):
            return {str(name): {} for name in written}
        return {str(name): _map(how) for name, how in _map(written).items()}

    @property
    def ports(self) -> list[Published]:
        return [port for one in _items(self.tree.get("ports")) for port in _published(one)]


@dataclass(frozen=True)
class Project:
    services: Mapping[str, Service]
    #: Network to its subnets.
    subnets: Mapping[str, tuple[str, ...]]


def read(path: Path, environment: Mapping[str, str] = os.environ) -> Project:
    """The project of a compose file, with the ``.env`` beside it. Raises ``AdoptError``."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AdoptError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        # The text around it may be a secret.
        raise AdoptError(f"{path}{where}: is not YAML that can be read") from None
    if not isinstance(document, dict) or not isinstance(document.get("services"), dict):
        raise AdoptError(f"{path}: has no `services`; is it a compose file?")
    beside = path.parent / _ENV
    # A variable of the shell wins over the file.
    known = {**(variables.read(beside, environment) if beside.exists() else {}), **environment}
    tree = _map(variables.substituted(document, known))
    return Project(
        services={
            str(name): _service(str(name), _map(one), path.parent, known)
            for name, one in _map(tree["services"]).items()
        },
        subnets={
            str(name): tuple(_subnets(_map(network)))
            for name, network in _map(tree.get("networks")).items()
        },
    )


def _service(
    name: str, tree: Mapping[str, object], folder: Path, known: Mapping[str, str]
) -> Service:
    environment: dict[str, str] = {}
    for one in _items(tree.get("env_file")):
        file = one.get("path", "") if isinstance(one, dict) else one
        needed = not isinstance(one, dict) or one.get("required", True)
        path = folder / str(file)
        if needed or path.exists():
            environment |= variables.read(path, known)
    return Service(name, tree, {**environment, **_environment(tree.get("environment"), known)})


def _environment(written: object, known: Mapping[str, str]) -> dict[str, str]:
    """A list or a map. A name without a value takes it from outside."""
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
    """Of a switch, also as text that came out of a variable: as Compose casts it."""
    return str(value).lower() in ("true", "y", "yes", "on", "1")


def _as_text(value: object) -> str:
    # YAML's true is Python's True.
    return str(value).lower() if isinstance(value, bool) else str(value)


def _subnets(network: Mapping[str, object]) -> Iterator[str]:
    for one in _items(_map(network.get("ipam")).get("config")):
        if isinstance(one, dict) and isinstance(one.get("subnet"), str):
            yield one["subnet"]


def _published(one: object) -> Iterator[Published]:
    if isinstance(one, dict):
        published = one.get("published")
        yield Published(
            str(one.get("target", "")),
            None if published in (None, "") else str(published),
            one.get("host_ip") or None,
            str(one.get("protocol", "tcp")),
        )
        return
    text, _, protocol = str(one).partition("/")
    host, _, container = text.rpartition(":")
    address, _, port = host.rpartition(":")
    yield Published(container, port or None, address.strip("[]") or None, protocol or "tcp")


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError:
            return value.split()
    return [str(word) for word in _items(value)]


def _items(value: object) -> list[object]:
    """A list, also where one item was written alone."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
