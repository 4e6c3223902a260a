"""From settings to what ``egress`` works with: the policy and the cage.

The only place where keys of the stack file become rules. ``checks`` uses the same functions on the
valid parts of a wrong file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_network

from newt_tunnel.egress.cage import Cage, ServiceNetwork
from newt_tunnel.egress.instance import Instance
from newt_tunnel.egress.model import (
    DNS_PORT,
    DNS_RULE,
    EVERYWHERE,
    PANGOLIN_RULE,
    Address,
    Destination,
    HostName,
    Network,
    PolicyError,
    PortName,
    PortRange,
    Protocol,
)
from newt_tunnel.egress.rules import Policy, Rule
from newt_tunnel.findings import Finding
from newt_tunnel.settings import ports
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.dns import Dns
from newt_tunnel.settings.docker import Services
from newt_tunnel.settings.pangolin import CLIENTS, TUNNEL, ClusterPangolin, Endpoint, Pangolin
from newt_tunnel.settings.stack import AnySettings, Settings
from newt_tunnel.settings.targets import AnyEntry, Keyed


def policy(settings: Settings) -> Policy:
    """What newt may reach, and what the proof expects to be blocked."""
    pangolin = settings.pangolin
    server = destinations_of(pangolin.endpoint.host, pangolin.addresses)
    return Policy(
        allowed=(
            *dns_rules(settings.dns),
            *server_rules(server, server_ports(settings)),
            *entry_rules(keyed("egress", settings.egress)),
        ),
        forbidden=tuple(entry_rules(keyed("mustNotReach", settings.must_not_reach))),
        resolvers=settings.dns.resolvers,
        endpoint=resolved_endpoint(pangolin),
    )


def cage(settings: Settings, stack: str) -> Cage:
    """Where the policy of ``stack`` is enforced."""
    docker = settings.docker
    every = (*settings.egress, *settings.must_not_reach)
    names_containers = any(entry.container is not None for entry in every)
    return Cage(
        instance=Instance.of(docker.instance, stack),
        bridge=docker.bridge,
        subnet=docker.subnet,
        gateway=docker.gateway,
        newt=docker.newt_address,
        host=docker.address,
        firewall=docker.firewall,
        hook=docker.hook,
        log_drops=docker.log_drops,
        services=_services(docker.services) if names_containers else None,
    )


def _services(services: Services) -> ServiceNetwork:
    return ServiceNetwork(
        network=services.network,
        bridge=services.bridge,
        subnet=services.subnet,
        gateway=services.gateway,
        newt=services.newt,
        attach=services.attach,
    )


def keyed(key: str, entries: Iterable[AnyEntry]) -> list[Keyed]:
    return [(entry.key(f"{key}[{index}]"), entry) for index, entry in enumerate(entries)]


def dns_rules(dns: Dns) -> Iterator[Rule]:
    """Port 53 of the listed resolvers, both transports."""
    blocks: list[Network] = [ip_network(resolver) for resolver in dns.resolvers]
    for block in [EVERYWHERE] if dns.anywhere else blocks:
        for protocol in (Protocol.UDP, Protocol.TCP):
            yield Rule(
                name=DNS_RULE,
                destination=block,
                protocol=protocol,
                ports=(PortRange.single(DNS_PORT),),
                origin="dns",
            )


def resolved_endpoint(pangolin: Pangolin | ClusterPangolin) -> HostName | None:
    """The endpoint's name, when its addresses are left to resolution."""
    host = pangolin.endpoint.host
    return host if pangolin.addresses is None and isinstance(host, str) else None


def destinations_of(
    endpoint: Address | HostName | None, addresses: Sequence[Address] | None
) -> tuple[Destination, ...]:
    """Where the server is: at the written addresses, or else at the endpoint's own host."""
    hosts: Sequence[Address | HostName] = addresses or (() if endpoint is None else (endpoint,))
    return tuple(host if isinstance(host, str) else ip_network(host) for host in hosts)


def server_ports(settings: AnySettings) -> tuple[ports.ProtocolPorts, ...]:
    """What newt may open on the server."""
    pangolin = settings.pangolin
    return pangolin.ports or default_server_ports(pangolin.endpoint, clients=settings.newt.clients)


def default_server_ports(endpoint: Endpoint, *, clients: bool) -> tuple[ports.ProtocolPorts, ...]:
    """What newt needs of the server."""
    needed = (endpoint.protocol_ports, TUNNEL)
    return (*needed, CLIENTS) if clients else needed


def server_rules(
    server: Iterable[Destination], open_ports: Iterable[ports.ProtocolPorts]
) -> Iterator[Rule]:
    """One rule per address and protocol."""
    by_protocol: dict[Protocol, set[PortRange]] = {}
    for one in open_ports:
        by_protocol.setdefault(one.protocol, set()).update({one.ports} if one.ports else ())
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
    """Yield the rules of entries that need no look-up in a cluster."""
    for key, entry in entries:
        if isinstance(entry.meaning, ServiceRef):
            continue
        yield Rule(
            name=entry.name,
            destination=entry.meaning,
            protocol=entry.protocol,
            ports=entry.ranges,
            port_names=tuple(PortName(name) for name in entry.port_names),
            origin=key,
            reason=entry.reason,
        )


def contradictions(allowed: Iterable[Rule], forbidden: Iterable[Rule]) -> Iterator[Finding]:
    """Yield a problem for each forbidden rule that newt may reach."""
    may = tuple(allowed)
    for rule in forbidden:
        try:
            # A policy stops at the first contradiction.
            Policy(allowed=may, forbidden=(rule,), resolvers=(), endpoint=None)
        except PolicyError as error:
            yield Finding(error.key, str(error.value), error.remedy)
