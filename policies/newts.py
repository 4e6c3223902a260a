"""Which resources are a newt: ours, and one that somebody wrote by hand.

By image, by chart, or by the variables that only newt has. A pod or container that only borrows
newt's image, like our proof, is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.view import Resource, at, items, mapping, text

CONTAINER = "docker:index/container:Container"
#: What pulls an image for Docker, each with its name in ``name``.
IMAGES = ("docker:index/remoteImage:RemoteImage",)
RELEASES = (
    "kubernetes:helm.sh/v3:Release",
    "kubernetes:helm.sh/v3:Chart",
    "kubernetes:helm.sh/v4:Chart",
)
#: What has pods, and where its pod's metadata and spec are.
_PODS: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
_WORKLOAD = re.compile(r"kubernetes:(?:core|apps|batch)/v1:(\w+)")
#: newt's program goes by both names.
_PROGRAMS = ("newt", "pangolin-cli")
_OWN_VARIABLES = frozenset(
    {"PANGOLIN_ENDPOINT", "NEWT_ID", "NEWT_SECRET", "NEWT_PROVISIONING_KEY", "SITE_SECRET"}
)
#: The chart labels the pods of an instance by it.
INSTANCE_LABEL = "newt.instance"


@dataclass(frozen=True)
class Pods:
    """Pods of one shape. ``labels`` are those that are known; ``all_labels`` says that these are
    all.
    """

    namespace: Any
    labels: Mapping[str, Any]
    all_labels: bool = True


def is_newt_image(image: object) -> bool:
    """``registry/fosrl/newt:1.16.0@sha256:...`` by its last name."""
    if not isinstance(image, str):
        return False
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return name in _PROGRAMS


def is_container(resource: Resource) -> bool:
    """A Docker container of newt. Its image may be an id: then what it was pulled as counts, where
    that is known.
    """
    if resource.type != CONTAINER:
        return False
    images = [resource.at("image"), *(one.at("name") for one in resource.needs if is_image(one))]
    return any(map(is_newt_image, images)) or not _OWN_VARIABLES.isdisjoint(variables(resource))


def is_image(resource: Resource) -> bool:
    return resource.type in IMAGES and is_newt_image(resource.at("name"))


def variables(container: Resource) -> dict[str, str]:
    """The environment of a Docker container."""
    written = (one.partition("=") for one in items(container.at("envs")) if isinstance(one, str))
    return {name: value for name, _, value in written}


def is_release(resource: Resource) -> bool:
    """newt's chart, however it is installed."""
    if resource.type not in RELEASES:
        return False
    chart = resource.at("chart")
    name = re.sub(r"(-[0-9][^/]*)?(\.tgz)?$", "", chart) if isinstance(chart, str) else ""
    return name.rpartition("/")[2] in _PROGRAMS or "newtInstances" in mapping(values(resource))


def values(release: Resource) -> Any:
    return release.at("values")


def pod(resource: Resource) -> Any:
    """Metadata and spec of the pods that a workload has; None where it has none."""
    found = _WORKLOAD.fullmatch(resource.type)
    path = _PODS.get(found[1]) if found else None
    return None if path is None else resource.at(*path)


def newt_containers(resource: Resource) -> list[tuple[str, Any]]:
    """The containers of a workload's pods that are newt, each with its place."""
    found = _WORKLOAD.fullmatch(resource.type)
    path = _PODS.get(found[1]) if found else None
    if path is None:
        return []
    place = ".".join((*path, "spec", "containers"))
    containers = items(resource.at(*path, "spec", "containers"))
    return [
        (f"{place}[{index}]", container)
        for index, container in enumerate(containers)
        if _is_newt(container)
    ]


def _is_newt(container: Any) -> bool:
    names = {at(one, "name") for one in items(at(container, "env"))}
    if not _OWN_VARIABLES.isdisjoint(names):
        return True
    command = items(at(container, "command"))
    # Our prober runs a shell of newt's image.
    runs_newt = not command or str(command[0]).rpartition("/")[2] in _PROGRAMS
    return runs_newt and is_newt_image(at(container, "image"))


def is_newt(resource: Resource) -> bool:
    return is_container(resource) or is_release(resource) or bool(newt_containers(resource))


def newts(resources: list[Resource]) -> list[Resource]:
    return [resource for resource in resources if is_newt(resource)]


def pods_of(newt: Resource) -> Iterator[Pods]:
    """The pods of a newt in a cluster, by what a policy can select."""
    if is_release(newt):
        instances = items(at(values(newt), "newtInstances"))
        names = [at(one, "name") for one in instances if at(one, "enabled") is not False]
        namespace = newt.at("namespace")
        for name in names or [None]:
            labels = {} if name is None else {INSTANCE_LABEL: name}
            yield Pods(namespace, labels, all_labels=False)
        return
    metadata = at(pod(newt), "metadata")
    yield Pods(newt.at("metadata", "namespace"), mapping(at(metadata, "labels")))


def image_texts(newt: Resource) -> Iterator[tuple[str, str]]:
    """The images that a newt names, each with its property."""
    if newt.type in (CONTAINER, *IMAGES):
        key = "image" if newt.type == CONTAINER else "name"
        image = text(newt.at(key))
        # An id of what is there already; it cannot move.
        if image and not image.startswith("sha256:"):
            yield key, image
    elif is_release(newt):
        yield from _chart_images(values(newt))
    else:
        for place, container in newt_containers(newt):
            if image := text(at(container, "image")):
                yield f"{place}.image", image


def _chart_images(given: Any) -> Iterator[tuple[str, str]]:
    """Chart values that name an image by its parts. What they leave out comes with the chart, which
    has a version.
    """
    places = [("values.global.image", at(given, "global", "image"))]
    places += [
        (f"values.newtInstances[{index}].image", at(instance, "image"))
        for index, instance in enumerate(items(at(given, "newtInstances")))
    ]
    for place, image in places:
        tag, digest = text(at(image, "tag")), text(at(image, "digest"))
        if tag or digest:
            name = text(at(image, "repository")) or _PROGRAMS[0]
            yield place, name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
