"""What ``look.sh`` found on a Docker host, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from newt_tunnel.stackfile.untrusted_text import sanitized
from newt_tunnel.tools.new import NewError

ENDPOINT, LOG_LEVEL = "PANGOLIN_ENDPOINT", "LOG_LEVEL"
#: newt's own name wins over the one of its successor.
IDS = ("NEWT_ID", "SITE_ID")
SECRETS = ("NEWT_SECRET", "SITE_SECRET")
#: Flags of newt whose value is known, and their variables.
_FLAGS = {"endpoint": ENDPOINT, "id": IDS[0], "log-level": LOG_LEVEL, "secret": SECRETS[0]}

_Value = TypeVar("_Value", IPv4Address, IPv4Network)


@dataclass(frozen=True)
class PublishedPort:
    """A container's port on the host. ``address``: the host's that it is bound to; none for all."""

    inner: int
    outer: int
    protocol: str
    address: str = ""


@dataclass(frozen=True)
class RunningContainer:
    name: str
    image: str
    network_mode: str
    ports: tuple[PublishedPort, ...] = ()


@dataclass(frozen=True)
class RunningNewt:
    """A newt or pangolin-cli. ``variables`` are names; ``settings`` values that are no secret."""

    container: str
    image: str
    settings: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = ()

    @property
    def id(self) -> str | None:
        return next((self.settings[name] for name in IDS if self.settings.get(name)), None)

    @property
    def endpoint(self) -> str | None:
        return self.settings.get(ENDPOINT) or None

    @property
    def has_secret(self) -> bool:
        return any(name in self.variables for name in SECRETS)


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """A Docker host. ``docker`` is the version, None without one that is of use; ``why_not`` then
    says what is wrong.
    """

    system: str
    user: str
    #: ``root``, ``yes``, ``asks`` or ``none``.
    sudo: str
    docker: str | None
    why_not: str = ""
    firewalls: tuple[str, ...] = ()
    #: What could load rules at boot, the best first.
    boot: tuple[str, ...] = ()
    resolvers: tuple[IPv4Address, ...] = ()
    #: Of the routes and of Docker's networks.
    networks: tuple[IPv4Network, ...] = ()
    containers: tuple[RunningContainer, ...] = ()
    newts: tuple[RunningNewt, ...] = ()


def parse(text: str, host: str) -> HostFacts:
    """Read the output of ``look.sh``. Raises ``NewError`` if it is not whole."""
    # The host is not trusted with the terminal.
    lines = [[sanitized(value) for value in line.split("\t")] for line in text.splitlines()]
    if ["end"] not in lines:
        raise NewError(
            f"{host}: the look at the host ended early; is its login shell a POSIX shell?"
        )

    def values(kind: str) -> list[str]:
        return list(dict.fromkeys(line[1] for line in lines if line[0] == kind and len(line) > 1))

    docker, why_not = _docker(lines)
    return HostFacts(
        system=next(iter(values("system")), "unknown"),
        user=next(iter(values("user")), "unknown"),
        sudo=next(iter(values("sudo")), "none"),
        docker=docker,
        why_not=why_not,
        firewalls=tuple(values("firewall")),
        boot=tuple(values("boot")),
        resolvers=tuple(_read(IPv4Address, values("resolver"))),
        networks=tuple(_read(IPv4Network, values("network"))),
        containers=tuple(_containers(lines)),
        newts=tuple(_newts(lines)),
    )


def _docker(lines: list[list[str]]) -> tuple[str | None, str]:
    found = [line[1:] for line in lines if line[0] == "docker" and len(line) > 1]
    states = {state: rest for state, *rest in found}
    for state, why in (
        (
            "rootless",
            "is rootless: its networks are not the host's, and rules there confine nothing",
        ),
        ("podman", "is podman, whose networks this program does not know"),
    ):
        if state in states:
            return None, f"{why}; install Docker for the whole machine"
    if "runs" in states:
        return "".join(states["runs"]), ""
    if "refused" in states:
        return None, "refused"
    if "silent" in states:
        return None, f"does not answer: {''.join(states['silent'])}"
    return None, "is not installed, or not found by a login over ssh"


def _containers(lines: list[list[str]]) -> Iterator[RunningContainer]:
    ports = [line[1:] for line in lines if line[0] == "port" and len(line) == 5]
    for line in lines:
        if line[0] == "container" and len(line) == 4:
            _, name, image, mode = line
            own = tuple(
                dict.fromkeys(
                    PublishedPort(
                        int(inner.partition("/")[0]),
                        int(outer),
                        inner.partition("/")[2],
                        "" if at in ("0.0.0.0", "::") else at,
                    )
                    for of, inner, outer, at in ports
                    if of == name and outer.isdigit() and inner.partition("/")[0].isdigit()
                )
            )
            yield RunningContainer(name, image, mode, own)


def _newts(lines: list[list[str]]) -> Iterator[RunningNewt]:
    for line in lines:
        if line[0] == "newt" and len(line) == 3:
            name = line[1]
            settings = {
                one[2]: one[3] for one in lines if one[:2] == ["setting", name] and len(one) == 4
            }
            flags = {
                _FLAGS[one[2]]: one[3]
                for one in lines
                if one[:2] == ["flag", name] and len(one) == 4 and one[2] in _FLAGS
            }
            variables = [one[2] for one in lines if one[:2] == ["variable", name] and len(one) > 2]
            # A secret's value is never here.
            said = {
                key: value for key, value in {**settings, **flags}.items() if key not in SECRETS
            }
            yield RunningNewt(name, line[2], said, tuple(dict.fromkeys([*variables, *flags])))


def _read(kind: type[_Value], texts: list[str]) -> Iterator[_Value]:
    for text in texts:
        try:
            yield kind(text)
        except ValueError:
            continue
