"""The containers of a Docker host as entries for the allow-list. Pure.

newt gets a network of its own, so it reaches another container by a port that is published on the
host.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from newt_tunnel.tools.entry_name import entry_name
from newt_tunnel.tools.new.host_facts import PublishedPort, RunningContainer

_PROTOCOLS = ("tcp", "udp")


def offered(containers: Sequence[RunningContainer], host: str) -> list[dict[str, object]]:
    """Return an entry for each published port that newt can reach."""
    return [entry for container in containers for entry in _entries(container, host)]


def remarks(containers: Sequence[RunningContainer]) -> Iterator[str]:
    """Yield why a container is not offered."""
    for container in containers:
        if any(map(_is_usable, container.ports)):
            continue
        if container.network_mode == "host":
            why = "is in the host's network: write the port on which it listens"
        elif container.ports:
            why = "is published on loopback only, where newt does not reach it"
        else:
            why = "publishes no port, so newt does not reach it"
        yield f"{container.name} {why}"


def _entries(container: RunningContainer, host: str) -> Iterator[dict[str, object]]:
    usable = [port for port in container.ports if _is_usable(port)]
    ports = list(dict.fromkeys((_at(port, host), port.outer, port.protocol) for port in usable))
    for at, number, protocol in sorted(ports):
        entry: dict[str, object] = {
            "name": entry_name(container.name, number, protocol, alone=len(ports) == 1),
            "host": at,
            "port": number,
        }
        yield entry if protocol == "tcp" else {**entry, "protocol": protocol}


def _is_usable(port: PublishedPort) -> bool:
    return (
        port.protocol in _PROTOCOLS
        and ":" not in port.address
        and not port.address.startswith("127.")
    )


def _at(port: PublishedPort, host: str) -> str:
    return port.address or host
