"""Checks that no volume of newt is a folder of the host with an engine's socket.

``machine`` judges a folder that newt mounts by its path, before anything is made. A volume is
another resource, so this needs the whole stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.kinds import CLAIMS, CONTAINER, PERSISTENT_VOLUMES, SERVICE, SERVICE_SPEC, VOLUME
from policies.machine import holds_an_engine
from policies.newt_resources import find_newts, values_of_pods
from policies.view import Resource, Violation, at, items, text

_CLAIM_KEYS = ("claimName", "existingClaim")
#: By its driver's options a Docker volume is any folder.
_DEVICE = ("driverOpts", "device")
#: Kinds of PersistentVolume that are a folder of a node.
_FOLDERS = (("spec", "hostPath", "path"), ("spec", "local", "path"))


def host_folders(resources: list[Resource]) -> Iterator[Violation]:
    found: dict[tuple[str, str], Violation] = {}
    for newt in find_newts(resources):
        for volume, path in _volumes_of(newt, resources):
            folder = volume.at(*path)
            if holds_an_engine(folder):
                place = ".".join(path)
                found[volume.urn, place] = Violation(
                    resource=volume,
                    property=place,
                    value=folder,
                    remedy=f"{newt.name} mounts it, and would command the whole machine: give "
                    "newt a volume of its own",
                )
    yield from found.values()


def _volumes_of(
    newt: Resource, resources: list[Resource]
) -> Iterator[tuple[Resource, tuple[str, ...]]]:
    """The volumes that newt may have, each with where its folder is written."""
    if newt.type in (CONTAINER, SERVICE):
        names = set(_docker_names(newt))
        for one in resources:
            if one.type == VOLUME and one.at("name") in names:
                yield one, _DEVICE
        return
    claims = {value for _, key, value in values_of_pods(newt) if key in _CLAIM_KEYS}
    wanted = {
        one.at("spec", "volumeName")
        for one in resources
        if one.type in CLAIMS and one.at("metadata", "name") in claims
    }
    for one in resources:
        if one.type in PERSISTENT_VOLUMES and (
            one.at("metadata", "name") in wanted or one.at("spec", "claimRef", "name") in claims
        ):
            yield from ((one, path) for path in _FOLDERS)


def _docker_names(newt: Resource) -> Iterator[str]:
    spec: Any = newt.properties if newt.type == CONTAINER else newt.at(*SERVICE_SPEC)
    for kind, key in (("volumes", "volumeName"), ("mounts", "source")):
        for mount in items(at(spec, kind)):
            if name := text(at(mount, key)):
                yield name
