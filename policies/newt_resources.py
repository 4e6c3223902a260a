"""Which resources are a newt: ours, and those written by hand.

By image, by chart, by what its command line starts, or by the variables that only newt has. A pod
that runs our own gate or proof in newt's image is none.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from newt_tunnel.cluster.pod import GATE, PROBE
from newt_tunnel.settings.image import agent_of
from policies import charts
from policies.charts import PROGRAMS, is_release
from policies.kinds import CHARTS, CONTAINER, IMAGES, SERVICE, SERVICE_SPEC, is_patch, pod_path
from policies.view import UNKNOWN, Resource, at, items, leaves, mapping, text

_NAME = re.compile(rf"(?:.*-)?(?:{'|'.join(PROGRAMS)})(?:-.*)?")
_OWN_VARIABLES = frozenset(
    {
        *("PANGOLIN_ENDPOINT", "NEWT_ID", "NEWT_SECRET", "NEWT_PROVISIONING_KEY"),
        *("SITE_SECRET", "SITE_PROVISIONING_KEY"),
    }
)
#: Programs that start another, which their arguments name.
_STARTERS = frozenset(
    {
        *("entrypoint.sh", "docker-entrypoint.sh", "tini", "dumb-init", "catatonit", "env"),
        *("exec", "nohup", "setpriv", "su-exec", "gosu", "stdbuf", "nice", "timeout"),
        *("sh", "ash", "bash", "dash"),
    }
)
#: newt where a shell's text starts a program.
_IN_SHELL = re.compile(
    rf"(?:^|[;&|(`\n]|\b(?:exec|then|do|else|{'|'.join(sorted(map(re.escape, _STARTERS)))})\s)\s*"
    rf"(?:--\s+)?(?:[^\s;&|]*/)?(?:{'|'.join(PROGRAMS)})(?![\w.-])"
)
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
#: Scripts of ours that run in newt's image; see components/pod_defaults.py.
_OURS = tuple(["/bin/sh", "-c", script] for script in (GATE, PROBE))


@dataclass(frozen=True, kw_only=True)
class NewtProgram:
    """What one container runs."""

    #: Empty for a Docker container.
    place: str
    name: Any = None
    image: Any
    #: One whose value comes from elsewhere has the reference.
    variables: Mapping[str, Any]
    variables_key: str = "env"
    #: The parts of the command line, by their property.
    words: Mapping[str, list[Any]]

    def at(self, *keys: str) -> str:
        return ".".join(filter(None, (self.place, *keys)))


@dataclass(frozen=True, kw_only=True)
class PodShape:
    """Pods of one shape. ``labels`` are those that are known; ``all_labels`` says that these are
    all. ``cluster`` is the provider.
    """

    cluster: Resource | None
    namespace: Any
    labels: Any
    all_labels: bool = True


def is_newt_image(image: object) -> bool:
    """``registry/fosrl/newt:1.16.0@sha256:...`` by its last name."""
    return isinstance(image, str) and agent_of(image) is not None


def is_container(resource: Resource) -> bool:
    """A Docker container of newt. Its image may be an id: then what it was pulled as counts, where
    that is known.
    """
    if resource.type != CONTAINER:
        return False
    pulled_as = (one.at("name") for one in resource.needs if is_image(one))
    return any(map(is_newt_image, pulled_as)) or bool(programs(resource))


def is_image(resource: Resource) -> bool:
    return resource.type in IMAGES and is_newt_image(resource.at("name"))


def is_newt(resource: Resource) -> bool:
    return is_container(resource) or is_release(resource) or is_service_or_workload(resource)


def is_service_or_workload(resource: Resource) -> bool:
    if is_patch(resource) and _NAME.fullmatch(text(resource.at("metadata", "name")) or ""):
        # It may say no image: the chart calls newt's Deployment <release>-newt-<instance>.
        return True
    return resource.type != CONTAINER and bool(programs(resource))


def find_newts(resources: list[Resource]) -> list[Resource]:
    """Without the charts whose pods are resources of their own."""
    rendered = {one.parent.urn for one in resources if one.parent is not None}
    return [
        resource
        for resource in resources
        if is_newt(resource) and not (resource.type in CHARTS and resource.urn in rendered)
    ]


def programs(resource: Resource) -> list[NewtProgram]:
    """The programs of a container, a service or a workload that are newt."""
    patch = is_patch(resource)
    return [
        one for one in _all_programs(resource) if _is_newt(one) or (patch and one.name in PROGRAMS)
    ]


def _all_programs(resource: Resource) -> Iterator[NewtProgram]:
    if resource.type == CONTAINER:
        written = (v.partition("=") for v in items(resource.at("envs")) if isinstance(v, str))
        yield NewtProgram(
            place="",
            image=resource.at("image"),
            variables={name: value for name, _, value in written},
            variables_key="envs",
            words={key: items(resource.at(key)) for key in ("entrypoints", "command")},
        )
    elif resource.type == SERVICE:
        spec = resource.at(*SERVICE_SPEC)
        yield NewtProgram(
            place=".".join(SERVICE_SPEC),
            image=at(spec, "image"),
            variables=mapping(at(spec, "env")),
            words={key: items(at(spec, key)) for key in ("commands", "args")},
        )
    path_of_pods = pod_path(resource)
    if path_of_pods is None:
        return
    for kind in _CONTAINERS:
        place = ".".join((*path_of_pods, "spec", kind))
        for index, container in enumerate(items(resource.at(*path_of_pods, "spec", kind))):
            variables = {
                name: at(one, "value") if at(one, "value") is not None else at(one, "valueFrom")
                for one in items(at(container, "env"))
                if (name := text(at(one, "name")))
            }
            yield NewtProgram(
                place=f"{place}[{index}]",
                name=at(container, "name"),
                image=at(container, "image"),
                variables=variables,
                words={key: items(at(container, key)) for key in ("command", "args")},
            )


def _is_newt(program: NewtProgram) -> bool:
    if not _OWN_VARIABLES.isdisjoint(program.variables):
        return True
    words = [word for part in program.words.values() for word in part]
    return words not in _OURS and (is_newt_image(program.image) or _starts_newt(words))


def _starts_newt(words: list[Any]) -> bool:
    known = [word for word in words if isinstance(word, str)]
    names = [posixpath.basename(word) for word in known]
    if not names:
        return False
    is_command = names[0] in PROGRAMS
    is_started = names[0] in _STARTERS and not set(PROGRAMS).isdisjoint(names)
    in_shell = any(
        re.fullmatch("-[a-z]*c", option) and _IN_SHELL.search(script)
        for option, script in itertools.pairwise(known)
    )
    return is_command or is_started or in_shell


def pods_of(newt: Resource) -> Iterator[PodShape]:
    """The pods of a newt in a cluster, by what a policy can select."""
    if is_release(newt):
        namespace = newt.at("namespace") or _default_namespace(newt)
        for labels in charts.labels_of_pods(newt):
            yield PodShape(
                cluster=newt.provider, namespace=namespace, labels=labels, all_labels=False
            )
        return
    path = pod_path(newt)
    given = newt.at(*path, "metadata", "labels") if path is not None else None
    yield PodShape(
        cluster=newt.provider,
        namespace=namespace_of(newt),
        labels=given if given is UNKNOWN else mapping(given),
        # A patch adds to pods that are there already.
        all_labels=not is_patch(newt),
    )


def namespace_of(resource: Resource) -> Any:
    """None: what the kubeconfig says, which the update knows."""
    return resource.at("metadata", "namespace") or _default_namespace(resource)


def _default_namespace(resource: Resource) -> Any:
    return None if resource.provider is None else resource.provider.at("namespace")


def values_of_pods(newt: Resource) -> Iterator[tuple[str, str, Any]]:
    """Yield every value of a newt in a cluster: its path, its key, and the value."""
    path = pod_path(newt)
    if is_release(newt):
        yield from leaves(charts.values(newt), "values")
    elif path is not None and is_newt(newt):
        yield from leaves(newt.at(*path, "spec"), ".".join((*path, "spec")))


def image_texts(newt: Resource) -> Iterator[tuple[str, str]]:
    """The images that a newt names, each with its property."""
    if is_release(newt):
        yield from charts.images(newt)
        return
    found = [("name", newt.at("name"))] if newt.type in IMAGES else []
    # A container is known by what its image was pulled as, too.
    of_newt = _all_programs(newt) if newt.type == CONTAINER else programs(newt)
    found += [(one.at("image"), one.image) for one in of_newt]
    for place, image in found:
        # An id is of what is there already; it cannot move.
        if (known := text(image)) and not known.startswith("sha256:"):
            yield place, known
