"""Parts of the old set-up that the stack does not support, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from newt_tunnel.findings import shown
from newt_tunnel.settings.environment import Environment
from newt_tunnel.settings.variables import ALLOWED, BY_NAME
from newt_tunnel.tools.adopt.compose import ComposeService, is_true

#: Variables that are carried over unchanged, except those that name a file of the old container.
CARRIED = frozenset(name for name in ALLOWED if not BY_NAME[name].is_file)
IDENTITY = frozenset(("PANGOLIN_ENDPOINT", "NEWT_ID", "NEWT_SECRET", "NEWT_PROVISIONING_KEY"))
#: Variables that have a key, or that the stack sets by itself.
_OWN = IDENTITY | {"LOG_LEVEL", "DISABLE_CLIENTS", "DISABLE_SSH", "HEALTH_FILE", "CONFIG_FILE"}
_ENVIRONMENT: TypeAdapter[dict[str, str]] = TypeAdapter(Environment)
_SOCKET = "docker.sock"
#: Folders with the Docker socket, or with other ways to become root on the host.
_HOLD_THE_SOCKET = ("/", "/run", "/var", "/var/run")
#: Keys of a service that are read, and those that mean nothing for a newt in a container.
_READ = {
    *("image", "environment", "env_file", "command", "entrypoint", "volumes", "networks"),
    *("network_mode", "dns", "extra_hosts", "privileged", "cap_add", "devices"),
    *("pid", "ipc", "userns_mode", "uts", "cgroup", "use_api_socket"),
}
_IGNORED = {
    *("container_name", "hostname", "restart", "labels", "annotations", "depends_on", "links"),
    *("healthcheck", "logging", "stdin_open", "tty", "init", "read_only", "tmpfs", "cap_drop"),
    *("user", "profiles", "pull_policy", "platform", "stop_grace_period", "stop_signal", "expose"),
    *("scale", "attach"),
}
_ROOT = "access to it is root access to the host; list targets in egress"
_CAPABILITIES = "newt needs none, and it would help to undo the cage"


@dataclass(frozen=True)
class Refusal:
    """One thing, and why."""

    what: str
    why: str


def refusals(service: ComposeService, said: Iterable[str]) -> Iterator[Refusal]:
    """Yield what is refused of ``service`` and of its variables ``said``."""
    yield from _mounts(service)
    yield from _namespaces(service)
    capabilities = service.tree.get("cap_add")
    for name in capabilities if isinstance(capabilities, list) else ():
        why = (
            "newt needs none; for ping to private resources write newt.capabilities: [NET_RAW]"
            if str(name).removeprefix("CAP_") == "NET_RAW"
            else _CAPABILITIES
        )
        yield Refusal(f"cap_add: {shown(str(name))}", why)
    if service.tree.get("devices"):
        yield Refusal("devices", "newt's tunnel runs in user space and needs none")
    for name in service.networks if len(service.networks) > 1 else ():
        yield Refusal(
            f"network {shown(name)}",
            "newt is alone on one network; publish its targets on the host, and list them",
        )
    for key in sorted(service.tree.keys() - _READ - _IGNORED):
        if service.tree[key] and not key.startswith("x-"):
            yield Refusal(
                shown(key), "the stack has no such key for newt; see newt.resources and docker"
            )
    for name in sorted({*said} - _OWN - CARRIED):
        yield Refusal(f"variable {shown(name)}", _why_not(name))


def _mounts(service: ComposeService) -> Iterator[Refusal]:
    if is_true(service.tree.get("use_api_socket")):
        yield Refusal("the Docker socket", _ROOT)
    for source in service.mounts:
        if _SOCKET in source:
            yield Refusal("the Docker socket", _ROOT)
        elif source in _HOLD_THE_SOCKET:
            yield Refusal(f"the mount of {source}", f"the Docker socket is in it; {_ROOT}")
        else:
            yield Refusal(
                f"the mount of {shown(source)}", "newt gets no file of the host; it needs none"
            )


def _namespaces(service: ComposeService) -> Iterator[Refusal]:
    if service.text("network_mode") == "host":
        yield Refusal(
            "network_mode: host",
            "it gives newt every port and network of the host; newt gets a network of its own, "
            "and dials services of this host at the host's address",
        )
    elif mode := service.text("network_mode"):
        yield Refusal(f"network_mode: {shown(mode)}", "newt gets a network of its own")
    if is_true(service.tree.get("privileged")):
        yield Refusal("privileged: true", "newt needs no privilege; it could undo its own cage")
    for key in ("pid", "ipc", "userns_mode", "uts", "cgroup"):
        if service.text(key) == "host":
            yield Refusal(f"{key}: host", "newt needs nothing of the host's")


def _why_not(variable: str) -> str:
    """Return the reason. The value is not shown, because it may be a secret."""
    if variable in ALLOWED:
        return (
            "names a file of the old container; put it into an image of your own, and the variable "
            "under newt.environment"
        )
    try:
        _ENVIRONMENT.validate_python({variable: "1"})
    except ValidationError as error:
        return str(error.errors()[0].get("ctx", {}).get("remedy", "is not valid"))
    raise AssertionError(variable)
