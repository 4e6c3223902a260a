"""No newt that shares what is not its own: the machine's network, Docker's socket; and no secret
where others read it.

What is judged is where a secret ends up. Whether Pulumi stores it encrypted is hidden from a pack
in Python, and the program's own look at the stack file sees to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from policies import newts
from policies.confinement import COMMAND
from policies.view import Finding, Resource, at, items, leaves, text

_SOCKET = re.compile(r"(docker|podman|containerd|crio)\.sock\b|^/(var/)?run/(docker|containerd)\b")
_HOST = "host"
_CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
_CREDENTIALS = re.compile(
    r"(?i)(.*[_-])?(secret|password|passwd|token|provisioning_?key|private_?key)|newtSecret"
    r"|(newt)?provisioningKey"
)
_ARGUMENT = re.compile(
    r"(?:--?(?:newt-|site-)?secret|--?provisioning-key"
    r"|\b(?:NEWT_SECRET|SITE_SECRET|NEWT_PROVISIONING_KEY))[= ]+\S"
)
_PRIVATE_KEY = "PRIVATE KEY-----"
#: Where a private key belongs. All else is shown, logged, or stored in the clear.
_PLACES_FOR_SECRETS = frozenset({"privateKey", "kubeconfig", "stdin", "stringData", "data"})
_TEXTS_OF_COMMANDS = ("create", "update", "delete")
_WHERE_IT_BELONGS = (
    "run: pulumi config set --secret newtSecret, and let newt read it from a file or a Secret"
)


def host_access(resource: Resource) -> Iterator[Finding]:
    """Whatever makes a newt a part of its machine."""
    for name, value in _machine(resource):
        yield Finding(
            resource=resource,
            property=name,
            value=value,
            remedy="newt would be the machine itself, where no cage holds it: take it out",
        )


def _machine(resource: Resource) -> Iterator[tuple[str, Any]]:
    if newts.is_container(resource):
        for key in ("networkMode", "pidMode", "ipcMode"):
            if resource.at(key) == _HOST:
                yield key, _HOST
        if resource.at("privileged") is True:
            yield "privileged", "true"
        return
    for path, key, value in _of_pods(resource):
        if value is True and key in ("hostNetwork", "hostPID", "hostIPC", "privileged"):
            yield path, "true"


def docker_socket(resource: Resource) -> Iterator[Finding]:
    """A container engine's socket, by which newt could start a container without any cage."""
    for name, value in _mounted(resource):
        yield Finding(
            resource=resource,
            property=name,
            value=value,
            remedy="with it newt, and Pangolin's server, command the whole machine: take it out, "
            "and list targets in egress",
        )


def _mounted(resource: Resource) -> Iterator[tuple[str, str]]:
    if newts.is_container(resource):
        kinds = {"volumes": ("hostPath", "containerPath"), "mounts": ("source", "target")}
        for kind, keys in kinds.items():
            for index, mount in enumerate(items(resource.at(kind))):
                path = next((p for key in keys if _is_socket(p := at(mount, key))), None)
                if path is not None:
                    yield f"{kind}[{index}]", path
        for name, value in newts.variables(resource).items():
            if name in ("DOCKER_SOCKET", "DOCKER_HOST") and value:
                yield f"envs.{name}", value
        return
    for path, _, value in _of_pods(resource):
        if _is_socket(value):
            yield path, value


def _is_socket(value: Any) -> bool:
    return isinstance(value, str) and _SOCKET.search(value) is not None


def plain_secrets(resource: Resource) -> Iterator[Finding]:
    """Credentials where `docker inspect`, `kubectl describe`, `helm get values`, a list of
    processes or a log shows them. The value is never repeated.
    """
    for name in dict.fromkeys(_exposed(resource)):
        yield Finding(
            resource=resource, property=name, value="(not shown)", remedy=_WHERE_IT_BELONGS
        )


def _exposed(resource: Resource) -> Iterator[str]:
    for path, _, value in leaves(resource.properties):
        in_place = not _PLACES_FOR_SECRETS.isdisjoint(re.split(r"[.\[]", path))
        is_exempt = in_place and resource.type != _CONFIG_MAP
        if isinstance(value, str) and _PRIVATE_KEY in value and not is_exempt:
            yield path
    if newts.is_container(resource):
        for name, value in newts.variables(resource).items():
            if value and _CREDENTIALS.fullmatch(name):
                yield f"envs.{name}"
        for key in ("command", "entrypoints"):
            yield from _in_arguments(key, resource.at(key))
    elif newts.is_release(resource):
        yield from _in_values(newts.values(resource))
    elif resource.type == _CONFIG_MAP:
        for path, key, value in leaves(resource.at("data"), "data"):
            if text(value) and _CREDENTIALS.fullmatch(key):
                yield path
    elif resource.type == COMMAND:
        for key in _TEXTS_OF_COMMANDS:
            yield from _in_arguments(key, [resource.at(key)])
        for path, key, value in leaves(resource.at("environment"), "environment"):
            if text(value) and _CREDENTIALS.fullmatch(key):
                yield path
    for place, container in newts.newt_containers(resource):
        for variable in items(at(container, "env")):
            name = text(at(variable, "name")) or ""
            if text(at(variable, "value")) and _CREDENTIALS.fullmatch(name):
                yield f"{place}.env.{name}"
        for key in ("command", "args"):
            yield from _in_arguments(f"{place}.{key}", at(container, key))


def _in_arguments(place: str, arguments: Any) -> Iterator[str]:
    words = [one for one in items(arguments) if isinstance(one, str)]
    if _ARGUMENT.search(" ".join(words)):
        yield place


def _in_values(given: Any) -> Iterator[str]:
    for path, key, value in leaves(given, "values"):
        # `auth.keys` says how the entries of a Secret are called.
        if text(value) and _CREDENTIALS.fullmatch(key) and ".keys." not in path:
            yield path
        if key == "name" and isinstance(value, str) and _CREDENTIALS.fullmatch(value):
            yield from _named_variable(given, path)


def _named_variable(given: Any, path: str) -> Iterator[str]:
    """``{name: NEWT_SECRET, value: ...}`` in a list of variables."""
    place = path.removeprefix("values.").removesuffix(".name")
    parts = [int(p) if p.isdigit() else p for p in re.findall(r"[^.\[\]]+", place)]
    if text(at(given, *parts, "value")):
        yield f"{path.removesuffix('.name')}.value"


def _of_pods(resource: Resource) -> Iterator[tuple[str, str, Any]]:
    """Every value of a newt in a cluster."""
    if newts.is_release(resource):
        yield from leaves(newts.values(resource), "values")
    elif newts.newt_containers(resource):
        yield from leaves(resource.at("spec"), "spec")
