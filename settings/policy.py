"""From settings to what ``egress`` works with: the policy and the cage.

The only place where keys of the stack file become rules; ``checks`` uses the same functions, on as
much of a wrong file as is valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network

from egress.cage import Cage
from egress.model import (
    DNS_PORT,
    DNS_RULE,
    EVERYWHERE,
    PANGOLIN_RULE,
    Destination,
    HostName,
    Policy,
    PortRange,
    Protocol,
    Rule,
)
from settings import ports
from settings.dns import Dns
from settings.entries import Entry
from settings.pangolin import CLIENTS, TUNNEL, Endpoint, Pangolin
from settings.stack import Settings

#: An entry with the key it stands under: ``egress[2]``.
Keyed = tuple[str, Entry]


def policy(settings: Settings) -> Policy:
    """What newt may reach, and what the proof tries in vain."""
    pangolin = settings.pangolin
    server = destinations_of(pangolin.endpoint.host, pangolin.addresses)
    services = pangolin.ports or default_services(pangolin.endpoint, clients=settings.newt.clients)
    return Policy(
        allowed=(
            *dns_rules(settings.dns),
            *server_rules(server, services),
            *entry_rules(keyed("egress", settings.egress)),
        ),
        forbidden=tuple(entry_rules(keyed("mustNotReach", settings.must_not_reach))),
        resolvers=settings.dns.resolvers,
        endpoint=resolved_endpoint(pangolin),
    )


def cage(settings: Settings) -> Cage:
    """Where the policy is enforced."""
    docker = settings.docker
    return Cage(
        bridge=docker.bridge,
        subnet=docker.subnet,
        gateway=docker.gateway,
        newt=docker.newt_address,
        host=docker.address,
        firewall=docker.firewall,
        hook=docker.hook,
    )


def keyed(key: str, entries: Iterable[Entry]) -> list[Keyed]:
    return [(f"{key}[{index}]", entry) for index, entry in enumerate(entries)]


def dns_rules(dns: Dns) -> Iterator[Rule]:
    """Port 53 of the listed resolvers, both transports."""
    blocks = [EVERYWHERE] if dns.anywhere else [IPv4Network(resolver) for resolver in dns.resolvers]
    for block in blocks:
        for protocol in (Protocol.UDP, Protocol.TCP):
            yield Rule(
                name=DNS_RULE,
                destination=block,
                protocol=protocol,
                ports=(PortRange.single(DNS_PORT),),
                origin="dns",
            )


def resolved_endpoint(pangolin: Pangolin) -> HostName | None:
    """The endpoint's name, when its addresses are left to resolution."""
    host = pangolin.endpoint.host
    return None if pangolin.addresses is not None or isinstance(host, IPv4Address) else host


def destinations_of(
    endpoint: IPv4Address | HostName | None, addresses: Sequence[IPv4Address] | None
) -> tuple[Destination, ...]:
    """Where the server is: at the written addresses, or else at the endpoint's own host."""
    hosts = addresses or (() if endpoint is None else (endpoint,))
    return tuple(IPv4Network(host) if isinstance(host, IPv4Address) else host for host in hosts)


def default_services(endpoint: Endpoint, *, clients: bool) -> tuple[ports.Service, ...]:
    """What newt needs of the server."""
    return (endpoint.service, TUNNEL, CLIENTS) if clients else (endpoint.service, TUNNEL)


def server_rules(
    server: Iterable[Destination], services: Iterable[ports.Service]
) -> Iterator[Rule]:
    """One rule per address and protocol."""
    by_protocol: dict[Protocol, set[PortRange]] = {}
    for service in services:
        by_protocol.setdefault(service.protocol, set()).update(
            {service.ports} if service.ports else ()
        )
    for destination in server:
        for protocol, found in by_protocol.items():
            yield Rule(
                name=PANGOLIN_RULE,
                destination=destination,
                protocol=protocol,
                ports=tuple(sorted(found)),
                origin="pangolin.ports",
            )


def entry_rules(entries: Iterable[Keyed]) -> Iterator[Rule]:
    for key, entry in entries:
        yield Rule(
            name=entry.name,
            destination=entry.destination,
            protocol=entry.protocol,
            ports=entry.port,
            origin=key,
        )
