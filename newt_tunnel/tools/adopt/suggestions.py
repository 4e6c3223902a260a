"""The other services of the compose file, as possible entries of the allow-list.

Only hints: newt must reach the targets that were entered in Pangolin. newt gets a network of its
own, so it reaches another container only by a port that is published on the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from newt_tunnel.egress.model import RESERVED_NAMES
from newt_tunnel.findings import shown
from newt_tunnel.tools.adopt.compose import ComposeProject, ComposeService, Published

#: Ports of databases and the like, which a tunnel seldom needs.
_INSIDE = {
    *("1433", "1521", "2375", "2376", "3306", "5432", "6379", "9200", "11211", "27017"),
}
_LOOPBACK = ("127.", "::1", "localhost")
_PORTS = re.compile(r"[0-9]{1,5}(?:-[0-9]{1,5})?")


@dataclass(frozen=True)
class SuggestedEntry:
    """A target on the Docker host. ``port`` is one port or a range."""

    name: str
    port: str
    protocol: str
    #: Whether mustNotReach is the better list for it.
    is_inside: bool


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
            yield from _of(service, newt)


def _of(service: ComposeService, newt: ComposeService) -> Iterator[SuggestedEntry | ServiceRemark]:
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
    usable = [port for port in service.ports if _PORTS.fullmatch(port.host_port or "")]
    reachable = [port for port in usable if not (port.address or "").startswith(_LOOPBACK)]
    for port in reachable:
        yield SuggestedEntry(
            _entry_name(service, port, alone=len(reachable) == 1),
            port.host_port or "",
            port.protocol,
            port.container_port in _INSIDE or port.host_port in _INSIDE,
        )
    if reachable and shared:
        yield ServiceRemark(
            name,
            f"shares network {shown(shared[0])} with the old newt, and the new one is alone: a "
            f"target {name} in Pangolin becomes the host's address and the published port",
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
    elif shared:
        yield ServiceRemark(
            name,
            f"publishes no port; the old newt reaches it by network {shown(shared[0])}, and the "
            "new one is alone: if it is a target in Pangolin, publish that port",
        )
    else:
        yield ServiceRemark(name, "publishes no port, and shares no network with the old newt")


def _entry_name(service: ComposeService, port: Published, *, alone: bool) -> str:
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", service.name).strip("._-")[:40] or "service"
    name = base if alone else f"{base}-{port.host_port}-{port.protocol}"
    return f"{name}-service" if name in RESERVED_NAMES else name
