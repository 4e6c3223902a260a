"""The proof's samples of a forbidden range: its ends, and sensitive ports and addresses inside.

A range of 65,535 ports or a block of 65,536 addresses cannot be tried whole. A verdict covers what
was tried and nothing else, so every sample is a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newt_tunnel.egress.model import Address, Network, PortRange, Protocol


@dataclass(frozen=True)
class KnownService:
    """The service that usually listens on a port."""

    name: str
    port: int
    protocol: Protocol = Protocol.TCP


#: Ports as in https://www.iana.org/assignments/service-names-port-numbers, but for those of redis,
#: elasticsearch, mongodb, docker, kubernetes and kubelet, which are their documentations'.
KNOWN_SERVICES = (
    # ways in
    KnownService("ssh", 22),
    KnownService("telnet", 23),
    KnownService("rdp", 3389),
    KnownService("vnc", 5900),
    # web
    KnownService("http", 80),
    KnownService("https", 443),
    KnownService("http-alt", 8080),
    KnownService("https-alt", 8443),
    # files
    KnownService("smb", 445),
    KnownService("nfs", 2049),
    # databases
    KnownService("mssql", 1433),
    KnownService("mysql", 3306),
    KnownService("postgresql", 5432),
    KnownService("redis", 6379),
    KnownService("elasticsearch", 9200),
    KnownService("mongodb", 27017),
    # control planes
    KnownService("docker", 2375),
    KnownService("kubernetes", 6443),
    KnownService("kubelet", 10250),
    # names; UDP is tried one after the other, so there are few
    KnownService("dns", 53),
    KnownService("dns", 53, Protocol.UDP),
    KnownService("snmp", 161, Protocol.UDP),
)


def ports_to_try(ports: PortRange, protocol: Protocol) -> tuple[int, ...]:
    """The ends of a range and the known services in it."""
    inside = {
        service.port
        for service in KNOWN_SERVICES
        if service.protocol is protocol and service.port in ports
    }
    return tuple(sorted({ports.first, ports.last} | inside))


def addresses_to_try(block: Network, known: Iterable[Address]) -> tuple[Address, ...]:
    """Return the ends of a block and the ``known`` addresses in it, where a target is likely to
    answer. IPv4 ends are the first and last host, because a network's own address never answers.
    """
    first, last = block.network_address, block.broadcast_address
    if block.version == 4 and block.prefixlen <= 30:
        first, last = first + 1, last - 1
    inside = {address for address in known if address in block}
    return tuple(sorted({first, last} | inside, key=int))
