"""What the plain newt of a compose file says, in keys of the stack file, and what is refused of it.

``settings`` judges the values; this says only where each one goes. Variables that neither have a
key nor are known to be harmless stay behind: any of them may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from adopt.compose import Project, Service
from adopt.errors import AdoptError
from settings import secrets
from settings.environment import Environment
from settings.errors import shown
from settings.load import judge

#: newt's flags that are read here, by the variable each stands for. A flag wins over its variable.
_FLAGS = {
    "endpoint": "PANGOLIN_ENDPOINT",
    "id": "NEWT_ID",
    "secret": "NEWT_SECRET",
    "provisioning-key": "NEWT_PROVISIONING_KEY",
    "log-level": "LOG_LEVEL",
    "mtu": "MTU",
    "ping-interval": "PING_INTERVAL",
    "ping-timeout": "PING_TIMEOUT",
    "docker-socket": "DOCKER_SOCKET",
    "updown": "UPDOWN_SCRIPT",
}
_SWITCHES = {
    "native": "USE_NATIVE_INTERFACE",
    "native-main": "USE_NATIVE_MAIN_INTERFACE",
    "disable-clients": "DISABLE_CLIENTS",
    "disable-ssh": "DISABLE_SSH",
    "enforce-hc-cert": "ENFORCE_HC_CERT",
    "pprof": "NEWT_PPROF_ENABLED",
}
_FLAG = re.compile(r"--?(?P<name>[a-z][a-z0-9-]*)(?:=(?P<value>.*))?", re.DOTALL)
#: Variables that go into `newt.environment` as they are.
_CARRIED = frozenset(
    (
        *("DNS", "ENFORCE_HC_CERT", "MTU", "NEWT_NAME", "NEWT_UDP_PROXY_IDLE_TIMEOUT"),
        *("NO_CLOUD", "PING_INTERVAL", "PING_TIMEOUT", "TZ"),
    )
)
#: Variables that have a key, or that the stack sets by itself.
_IDENTITY = frozenset(("PANGOLIN_ENDPOINT", "NEWT_ID", "NEWT_SECRET", "NEWT_PROVISIONING_KEY"))
_OWN = _IDENTITY | {"LOG_LEVEL", "DISABLE_CLIENTS", "DISABLE_SSH", "HEALTH_FILE", "CONFIG_FILE"}
_ENVIRONMENT: TypeAdapter[dict[str, str]] = TypeAdapter(Environment)
_SOCKET = "docker.sock"


@dataclass(frozen=True)
class Refusal:
    """Something of the old set-up that the stack does not have, and the reason."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Plain:
    """``keys`` are dotted keys of the stack file with values that ``settings`` accepts."""

    service: str
    keys: Mapping[str, object]
    refused: tuple[Refusal, ...]
    #: Which of the stack's secrets the file holds; None: neither.
    secret_key: str | None
    secret: str = field(repr=False)


def find(project: Project, wanted: str | None = None) -> Service:
    """The newt among the services. Raises ``AdoptError`` where it is not clear."""
    if wanted is not None:
        if wanted not in project.services:
            raise AdoptError(f"there is no service {wanted}; there are {_listed(project.services)}")
        return project.services[wanted]
    found = [service for service in project.services.values() if _is_newt(service)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise AdoptError(
            "no service looks like newt (its image, or PANGOLIN_ENDPOINT and NEWT_ID); "
            f"say which by --service: {_listed(project.services)}"
        )
    names = _listed(service.name for service in found)
    raise AdoptError(f"several services look like newt; say which by --service: {names}")


def plain(project: Project, service: Service, *, address: str | None = None) -> Plain:
    """What the stack takes over of ``service``. ``address`` is the Docker host's."""
    said, refused = _variables(service)
    refused += _refused(service, said)
    keys = dict(_keys(service, project, said))
    if address:
        keys["docker.address"] = address
    keys, objections = _judged(keys)
    refused += objections
    given = {
        secrets.NEWT_SECRET: said.get("NEWT_SECRET", ""),
        secrets.PROVISIONING_KEY: said.get("NEWT_PROVISIONING_KEY", ""),
    }
    # newt, too, takes id and secret where both are there.
    key = next((name for name, value in given.items() if value), None)
    if key == secrets.PROVISIONING_KEY:
        keys.pop("newtId", None)
    return Plain(
        service=service.name,
        keys=keys,
        refused=tuple(dict.fromkeys(refused)),
        secret_key=key,
        secret=given[key] if key else "",
    )


def _is_newt(service: Service) -> bool:
    repository = service.text("image").partition("@")[0].rpartition("/")[2].partition(":")[0]
    if repository == "newt" or service.environment.keys() & _IDENTITY:
        return True
    return any(_FLAGS.get(name) in _IDENTITY for name, _ in _flags(service.words))


def _variables(service: Service) -> tuple[dict[str, str], list[Refusal]]:
    said = dict(service.environment)
    refused: list[Refusal] = []
    for name, value in _flags(service.words):
        if name in _FLAGS and value is not None:
            said[_FLAGS[name]] = value
        elif name in _SWITCHES:
            said[_SWITCHES[name]] = value or "true"
        else:
            refused.append(Refusal(f"flag --{name}", "there is no key for it; leave it out"))
    return said, refused


def _flags(words: list[str]) -> Iterator[tuple[str, str | None]]:
    rest = iter(words)
    for word in rest:
        found = _FLAG.fullmatch(word)
        if found is None:
            continue
        name, value = found["name"], found["value"]
        if value is None and name not in _SWITCHES:
            value = next(rest, None)
        yield name, value


def _keys(
    service: Service, project: Project, said: Mapping[str, str]
) -> Iterator[tuple[str, object]]:
    if endpoint := said.get("PANGOLIN_ENDPOINT"):
        yield "pangolin.endpoint", endpoint.rstrip("/")
        if addresses := _extra_hosts(service, endpoint):
            yield "pangolin.addresses", addresses
    if newt_id := said.get("NEWT_ID"):
        yield "newtId", newt_id
    if image := service.text("image"):
        yield "newt.image", image
    if level := said.get("LOG_LEVEL"):
        yield "newt.logLevel", level
    # newt's own default is on; here a switch is on only where the file says so.
    for variable, key in (("DISABLE_CLIENTS", "newt.clients"), ("DISABLE_SSH", "newt.ssh")):
        if said.get(variable, "").lower() in ("false", "0"):
            yield key, True
    for name in sorted(said.keys() & _CARRIED):
        yield f"newt.environment.{name}", said[name]
    written = service.tree.get("dns")
    if written:
        yield "dns", [str(one) for one in (written if isinstance(written, list) else [written])]
    yield from _place(service, project)


def _place(service: Service, project: Project) -> Iterator[tuple[str, object]]:
    """The same network and address as before, where they were fixed."""
    for network, how in service.networks.items():
        for subnet in project.subnets.get(network, ())[:1]:
            yield "docker.subnet", subnet
            if address := how.get("ipv4_address"):
                yield "docker.newtAddress", str(address)
            return


def _extra_hosts(service: Service, endpoint: str) -> list[str]:
    host = endpoint.partition("://")[2].partition("/")[0].partition(":")[0]
    written = service.tree.get("extra_hosts")
    pairs = (
        [(str(name), str(address)) for name, address in written.items()]
        if isinstance(written, dict)
        else [
            (parts[0], parts[-1])
            for one in (written if isinstance(written, list) else [])
            if (parts := re.split("[:=]", str(one), maxsplit=1))
        ]
    )
    return [address for name, address in pairs if name == host]


def _judged(keys: Mapping[str, object]) -> tuple[dict[str, object], list[Refusal]]:
    """What ``settings`` accepts, and its objections to the rest. What is not there yet is no
    objection.
    """
    kept = dict(keys)
    refused: list[Refusal] = []
    while True:
        _, problems = judge(tree({"platform": "docker", **kept}))
        objections = {
            key: Refusal(f"{key}: {problem.value or ''}".rstrip(": "), problem.remedy)
            for problem in problems
            for key in kept
            if re.match(rf"{re.escape(key)}($|[.\[])", problem.key)
        }
        if not objections:
            return kept, refused
        refused += objections.values()
        kept = {key: value for key, value in kept.items() if key not in objections}


def tree(keys: Mapping[str, object]) -> dict[str, object]:
    """``{"docker.subnet": …}`` as nested sections."""
    root: dict[str, object] = {}
    for key, value in keys.items():
        *sections, last = key.split(".")
        place = root
        for section in sections:
            inner = place.setdefault(section, {})
            assert isinstance(inner, dict)
            place = inner
        place[last] = value
    return root


def _refused(service: Service, said: Iterable[str]) -> Iterator[Refusal]:
    if any(_SOCKET in source for source in service.mounts):
        yield Refusal(
            "the Docker socket", "whoever holds it is root on the host; list targets in egress"
        )
    if service.text("network_mode") == "host":
        yield Refusal(
            "network_mode: host",
            "there every port of the host and all of its networks are newt's; it gets a network "
            "of its own, and dials services of this host by the host's address",
        )
    elif mode := service.text("network_mode"):
        yield Refusal(f"network_mode: {shown(mode)}", "newt gets a network of its own")
    if service.tree.get("privileged") is True:
        yield Refusal("privileged: true", "newt needs no privilege; it could undo its own cage")
    for key in ("pid", "ipc", "userns_mode"):
        if service.text(key) == "host":
            yield Refusal(f"{key}: host", "newt needs nothing of the host's")
    capabilities = service.tree.get("cap_add")
    for name in capabilities if isinstance(capabilities, list) else ():
        why = (
            "newt needs none; for ping to private resources write newt.capabilities: [NET_RAW]"
            if str(name).removeprefix("CAP_") == "NET_RAW"
            else "newt needs none, and it would help to undo the cage"
        )
        yield Refusal(f"cap_add: {shown(str(name))}", why)
    if service.tree.get("devices"):
        yield Refusal("devices", "newt's tunnel runs in user space and needs none")
    for name in service.networks if len(service.networks) > 1 else ():
        yield Refusal(
            f"network {shown(name)}",
            "newt is alone on one network; what it shall reach there must be published on the "
            "host and listed",
        )
    for name in sorted({*said} - _OWN - _CARRIED):
        yield Refusal(f"variable {shown(name)}", _why_not(name))


def _why_not(variable: str) -> str:
    """Of the value nothing is said: it may be a secret."""
    try:
        _ENVIRONMENT.validate_python({variable: "1"})
    except ValidationError as error:
        return str(error.errors()[0].get("ctx", {}).get("remedy", "is not valid"))
    return "is not known here and may be a secret; if newt needs it, add it to newt.environment"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(shown(name) for name in names)
