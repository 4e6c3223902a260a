"""Checks that newt does not share the machine's network, its processes or its container engine."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any

from policies import charts, newt_resources
from policies.kinds import SERVICE, SERVICE_SPEC
from policies.view import Resource, Violation, at, items, leaves, mapping, text

_HOST = "host"
_OF_A_CONTAINER = ("networkMode", "pidMode", "ipcMode", "usernsMode")
_OF_A_POD = ("hostNetwork", "hostPID", "hostIPC", "hostProcess", "privileged")

_SOCKET = re.compile(
    r"(docker|podman|containerd|crio|cri-dockerd)\.sock\b|^/(var/)?run/(docker|containerd)\b"
)
#: A mounted folder must not contain these. /proc/1/root gives access to the whole machine.
_FORBIDDEN = (
    *(
        f"{run}/{socket}"
        for run in ("/run", "/var/run")
        for socket in (
            "docker.sock",
            "containerd/containerd.sock",
            "k3s/containerd/containerd.sock",
            "crio/crio.sock",
            "podman/podman.sock",
            "cri-dockerd.sock",
        )
    ),
    "/proc/1/root",
)
#: Sockets of users' own engines.
_OF_USERS = re.compile(r"/(?:var/)?run/user(?:/[0-9]+(?:/(?:podman|docker))?)?")
#: newt asks the engine at this address. Behind TCP it is the same engine.
_VARIABLES = ("DOCKER_SOCKET", "DOCKER_HOST", "CONTAINER_HOST")
_DEVICE = ("volumeOptions", "driverOptions", "device")
_OPTION = re.compile(r"--?docker-socket(?:=.*)?")


def host_access(resource: Resource) -> Iterator[Violation]:
    """Find settings that give newt the machine's namespaces or privileges."""
    for name, value in _machine(resource):
        yield Violation(
            resource=resource,
            property=name,
            value=value,
            remedy="newt would be the machine itself, where no cage holds it: take it out",
        )


def _machine(resource: Resource) -> Iterator[tuple[str, Any]]:
    if newt_resources.is_container(resource):
        for key in _OF_A_CONTAINER:
            if resource.at(key) == _HOST:
                yield key, _HOST
        if resource.at("privileged") is True:
            yield "privileged", "true"
        return
    if resource.type == SERVICE and newt_resources.is_newt(resource):
        for index, network in enumerate(items(resource.at("taskSpec", "networksAdvanceds"))):
            if at(network, "name") == _HOST:
                yield f"taskSpec.networksAdvanceds[{index}]", _HOST
    is_chart = charts.is_release(resource)
    for path, key, value in newt_resources.values_of_pods(resource):
        if key in _OF_A_POD and (charts.is_on(value) if is_chart else value is True):
            yield path, "true"
    if is_chart:
        for path, value in charts.native(resource):
            if charts.is_on(value):
                yield path, "the chart makes newt's container privileged"


def docker_socket(resource: Resource) -> Iterator[Violation]:
    """Find a container engine's socket, with which newt could start a container without a cage."""
    for name, value in dict(_engines(resource)).items():
        yield Violation(
            resource=resource,
            property=name,
            value=value,
            remedy="with it newt, and Pangolin's server, command the whole machine: take it out, "
            "and list targets in egress",
        )


def _engines(resource: Resource) -> Iterator[tuple[str, str]]:
    if newt_resources.is_container(resource):
        yield from _docker_mounts(resource, (), {"volumes": "hostPath", "mounts": "source"})
    elif resource.type == SERVICE and newt_resources.is_newt(resource):
        yield from _docker_mounts(resource, SERVICE_SPEC, {"mounts": "source"})
    for path, key, value in newt_resources.values_of_pods(resource):
        is_mounted = path.endswith("hostPath.path") and holds_an_engine(value)
        if is_mounted or _is_socket(value) or (key in _VARIABLES and text(value)):
            yield path, value
    for program in newt_resources.programs(resource):
        for name in _VARIABLES:
            if value := program.variables.get(name):
                yield program.at(program.variables_key, name), _shown(value)
        for key, words in program.words.items():
            if _has_option(words):
                yield program.at(key), "--docker-socket"
    if charts.is_release(resource):
        yield from _in_values(resource)


def _docker_mounts(
    resource: Resource, path: tuple[str, ...], kinds: dict[str, str]
) -> Iterator[tuple[str, str]]:
    for kind, source in kinds.items():
        place = ".".join((*path, kind))
        for index, mount in enumerate(items(resource.at(*path, kind))):
            # A volume may be a folder of the host by its driver's options.
            folders = [at(mount, source), at(mount, *_DEVICE)]
            inside = [at(mount, "containerPath"), at(mount, "target")]
            found = [one for one in folders if holds_an_engine(one)]
            found += [one for one in inside if _is_socket(one)]
            if found:
                yield f"{place}[{index}]", found[0]
            if other := at(mount, "fromContainer"):
                yield f"{place}[{index}].fromContainer", f"whatever {other} mounts"


def _in_values(release: Resource) -> Iterator[tuple[str, str]]:
    """Variables in a list, options of newt, and the chart's own switch."""
    for place, given in _mappings("values", charts.values(release)):
        value = given.get("value") or given.get("valueFrom")
        if given.get("name") in _VARIABLES and value:
            yield f"{place}.value", _shown(value)
        if charts.is_on(at(given, "dockerSocket", "enabled")):
            yield f"{place}.dockerSocket.enabled", "true"
    for path, _, value in leaves(charts.values(release), "values"):
        if isinstance(value, str) and _has_option([value]):
            yield path, "--docker-socket"


def _mappings(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _mappings(f"{place}[{index}]", item)
    elif below := mapping(value):
        yield place, below
        for key, item in below.items():
            yield from _mappings(f"{place}.{key}", item)


def _has_option(words: list[Any]) -> bool:
    return any(
        isinstance(word, str) and any(map(_OPTION.fullmatch, word.split())) for word in words
    )


def _is_socket(path: Any) -> bool:
    return isinstance(path, str) and _SOCKET.search(path) is not None


def holds_an_engine(path: Any) -> bool:
    """Whether an engine's socket, or the whole machine, is at ``path`` of the host or below it."""
    if not isinstance(path, str) or not path.startswith("/"):
        return False
    normal = "/" + posixpath.normpath(path).lstrip("/")
    below = normal.rstrip("/") + "/"
    return (
        any(f"{one}/".startswith(below) or below.startswith(f"{one}/") for one in _FORBIDDEN)
        or _OF_USERS.fullmatch(normal) is not None
        or _is_socket(normal)
    )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else "from elsewhere"
