"""The other services of the compose file, as possible entries of the allow-list.

Only hints: newt must reach the targets that were entered in Pangolin. A service that shared a
network with the old newt is one by its container's name, as Pangolin dials it, and another one by a
port that is published on the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from newt_tunnel.findings import shown
from newt_tunnel.settings.docker_types import CONTAINER
from newt_tunnel.tools.adopt.compose import ComposeProject, ComposeService
from newt_tunnel.tools.adopt.compose_ports import Published
from newt_tunnel.tools.entry_name import entry_name

#: Ports of databases and the like, which a tunnel seldom needs.
_INSIDE = {
    *("1433", "1521", "2375", "2376", "3306", "5432", "6379", "9200", "11211", "27017"),
}
_LOOPBACK = ("127.", "::1", "localhost")
#: The port of a target, in the labels that Pangolin reads.
_TARGET = re.compile(
    r"(?P<resource>pangolin\.(?:public|proxy)-resources\.[^.]+)\.targets\[[0-9]+\]\.port"
)
_PORTS = re.compile(r"[0-9]{1,5}(?:-[0-9]{1,5})?")


@dataclass(frozen=True)
class SuggestedEntry:
    """A target on the Docker host. ``port`` is one port or a range; ``container`` is None for one
    that the host publishes.
    """

    name: str
    port: str
    protocol: str
    #: Whether mustNotReach is the better list for it.
    is_inside: bool
    container: str | None = None


@dataclass(frozen=True)
class ServiceRemark:
    """The reason why a service is no target yet."""

    service: str
    text: str


def suggestions(
    project: ComposeProject, newt: ComposeService
) -> Iterator[SuggestedEntry | ServiceRemark]:
    """Yield suggestions and remarks in the order of the file."""
    for service in project.services.values():
        if service is not newt:
            yield from _of(service, newt, project.name)


def _of(
    service: ComposeService, newt: ComposeService, project: str
) -> Iterator[SuggestedEntry | ServiceRemark]:
    name = shown(service.name)
    if service.text("network_mode") == "host":
        yield ServiceRemark(name, "is in the host's network: list the port it listens on")
        return
    if service.text("network_mode") == f"service:{newt.name}":
        yield ServiceRemark(
            name, "is in the network of the old newt: give it one, and publish what newt dials"
        )
        return
    shared = [network for network in service.networks if network in newt.networks]
    if shared:
        yield from _by_container(service, project, shared[0])
        return
    usable = [port for port in service.ports if _PORTS.fullmatch(port.host_port or "")]
    reachable = [port for port in usable if not (port.address or "").startswith(_LOOPBACK)]
    for port in reachable:
        yield SuggestedEntry(
            entry_name(service.name, port.host_port, port.protocol, alone=len(reachable) == 1),
            port.host_port or "",
            port.protocol,
            port.container_port in _INSIDE or port.host_port in _INSIDE,
        )
    if reachable:
        return
    if usable:
        yield ServiceRemark(
            name,
            "is published on loopback only, where newt does not reach it; if it is a target in "
            "Pangolin, publish it on the host's address",
        )
    elif service.ports:
        yield ServiceRemark(name, "is published on a port of Docker's choice; fix one")
    else:
        yield ServiceRemark(name, "publishes no port, and shares no network with the old newt")


def _by_container(
    service: ComposeService, project: str, network: str
) -> Iterator[SuggestedEntry | ServiceRemark]:
    """Yield the ports of a service that the old newt reaches by its name."""
    container = service.text("container_name") or f"{project}/{service.name}"
    ports = _labelled(service) or [
        port for port in service.exposed if _PORTS.fullmatch(port.container_port)
    ]
    if not ports or not re.fullmatch(CONTAINER, container):
        yield ServiceRemark(
            shown(service.name),
            f"names no port; the old newt reaches it by network {shown(network)}: if it is a "
            f"target in Pangolin, write `container: {shown(container)}` and the port on which it "
            "listens",
        )
        return
    for port in ports:
        yield SuggestedEntry(
            entry_name(service.name, port.container_port, port.protocol, alone=len(ports) == 1),
            port.container_port,
            port.protocol,
            port.container_port in _INSIDE,
            container,
        )


def _labelled(service: ComposeService) -> list[Published]:
    """Return the ports of the resources that Pangolin reads from the labels."""
    found: list[Published] = []
    for label, value in service.labels.items():
        target = _TARGET.fullmatch(label)
        if target and _PORTS.fullmatch(value):
            prefix = target["resource"]
            modes = (service.labels.get(f"{prefix}.{key}", "") for key in ("mode", "protocol"))
            protocol = "udp" if "udp" in {mode.lower() for mode in modes} else "tcp"
            found.append(Published(value, None, None, protocol))
    return list(dict.fromkeys(found))
