"""newt's Helm chart: which release is one, and what its values render.

From the templates of chart newt 1.5.0. Of the chart pangolin-cli no source is public: it is
recognised by its name, and its pods' labels are not known.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from newt_tunnel.egress.network_policy import INSTANCE_LABEL
from newt_tunnel.settings.agent_table import AgentName
from policies.kinds import RELEASES
from policies.view import UNKNOWN, Resource, at, items, mapping, text

NEWT = AgentName.NEWT.value
#: The programs, images and charts have these names.
PROGRAMS = tuple(name.value for name in AgentName)
#: The chart labels the pods of an instance by it.
_RELEASE_LABEL = "app.kubernetes.io/instance"
_COMPONENT_LABEL = "app.kubernetes.io/component"
#: Further labels of the pods, in the order in which they win.
_MORE_LABELS = ("additionalLabels", "podLabels")
_INSTANCES = "newtInstances"


def is_release(resource: Resource) -> bool:
    """newt's chart, however it is installed, also as a part of another one."""
    return resource.type in RELEASES and bool(sections(resource))


def values(release: Resource) -> Any:
    return release.at("values")


def sections(release: Resource) -> list[tuple[str, Any]]:
    """The values of newt's chart, each with its place: all of them, or those below a key where
    another chart includes newt's.
    """
    found = list(_sections("values", values(release)))
    # Another chart may have the same name.
    return found or ([("values", values(release))] if _is_newts_chart(release) else [])


def _sections(place: str, given: Any) -> Iterator[tuple[str, Any]]:
    if _INSTANCES in mapping(given):
        yield place, given
    for key, below in mapping(given).items():
        if key in PROGRAMS and isinstance(below, Mapping):
            yield f"{place}.{key}", below
        else:
            yield from _sections(f"{place}.{key}", below)


def _is_newts_chart(release: Resource) -> bool:
    return _chart_name(release) in PROGRAMS


def _chart_name(release: Resource) -> str:
    """The last name of a folder, an archive, an OCI reference or ``repository/chart``."""
    chart = release.at("chart")
    if not isinstance(chart, str):
        return ""
    path = posixpath.normpath(re.split("[?#@]", chart)[0])
    name = posixpath.basename(path).partition(":")[0]
    return re.sub(r"(-v?[0-9].*)?(\.tgz|\.tar\.gz)?$", "", name)


def instances(section: Any) -> list[Any]:
    """Those that are not switched off."""
    found = items(at(section, _INSTANCES))
    return [one for one in found if at(one, "enabled") is not False]


def labels_of_pods(release: Resource) -> Iterator[Mapping[str, Any]]:
    """The labels of each instance's pods, as far as they are known."""
    for place, section in sections(release):
        if _chart_name(release) == AgentName.PANGOLIN_CLI.value:
            yield {}
            continue
        labels = {_COMPONENT_LABEL: NEWT}
        if name := release.at("name"):
            labels[_RELEASE_LABEL] = name
        for key in _MORE_LABELS:
            for _, scope in _global_places(release, place, section):
                labels |= mapping(at(scope, key))
        for instance in instances(section) or [None]:
            name = at(instance, "name")
            yield labels if name is None else {INSTANCE_LABEL: name} | labels


def native(release: Resource) -> Iterator[tuple[str, Any]]:
    """What makes the chart render a privileged pod that runs as root."""
    for place, section in sections(release):
        for scope_place, scope in _global_places(release, place, section):
            yield f"{scope_place}.nativeMode.enabled", at(scope, "nativeMode", "enabled")
        for index, instance in enumerate(items(at(section, _INSTANCES))):
            if at(instance, "enabled") is not False:
                key = "useNativeInterface"
                yield f"{place}.{_INSTANCES}[{index}].{key}", at(instance, key)


def own_policies(release: Resource) -> Iterator[tuple[str, Any]]:
    """What makes the chart render a NetworkPolicy. An instance's value wins over the global one."""
    for place, section in sections(release):
        path = ("networkPolicy", "enabled")
        shared = [
            (f"{where}.{'.'.join(path)}", at(scope, *path))
            for where, scope in (
                *_global_places(release, place, section),
                (place, section),
            )
        ]
        found = instances(section)
        for index, instance in enumerate(items(at(section, _INSTANCES))):
            own = at(instance, *path)
            if at(instance, "enabled") is not False and own is not None:
                yield f"{place}.{_INSTANCES}[{index}].{'.'.join(path)}", own
        if not found or any(at(one, *path) is None for one in found):
            yield from shared


def images(release: Resource) -> Iterator[tuple[str, str]]:
    """Values that name an image by its parts. What they leave out comes with the chart, which has
    a version.
    """
    for place, section in sections(release):
        places = [
            (f"{where}.image", at(scope, "image"))
            for where, scope in _global_places(release, place, section)
        ]
        places += [
            (f"{place}.{_INSTANCES}[{index}].image", at(instance, "image"))
            for index, instance in enumerate(items(at(section, _INSTANCES)))
        ]
        for where, image in places:
            tag, digest = text(at(image, "tag")), text(at(image, "digest"))
            if tag or digest:
                name = text(at(image, "repository")) or NEWT
                yield where, name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def _global_places(release: Resource, place: str, section: Any) -> Iterator[tuple[str, Any]]:
    """The global values of newt's chart. Those of the chart that includes it come on top."""
    yield f"{place}.global", at(section, "global")
    if place != "values":
        yield "values.global", at(values(release), "global")


def is_on(value: Any) -> bool:
    """Whether a template treats the value as true, which includes the text `false`."""
    return value is not UNKNOWN and bool(value)
