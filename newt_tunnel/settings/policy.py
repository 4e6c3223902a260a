"""From settings to what ``egress`` works with: the policy and the cage.

The only place where keys of the stack file become rules. ``checks`` uses the same functions on the
valid parts of a wrong file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from newt_tunnel.egress.cage import Cage, ServiceNetwork
from newt_tunnel.egress.instance import Instance
from newt_tunnel.egress.model import (
    DNS_PORT,
    DNS_RULE,
    EVERYWHERE,
    Network,
    PolicyError,
    PortName,
    PortRange,
    Protocol,
)
from newt_tunnel.egress.rules import Policy, Rule
from newt_tunnel.findings import Finding
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.dns import Dns
from newt_tunnel.settings.docker import USUAL_FIREWALL, Services
from newt_tunnel.settings.servers import servers_of
from newt_tunnel.settings.stack import Settings
from newt_tunnel.settings.targets import AnyEntry, Keyed


def policy(settings: Settings) -> Policy:
    """What newt may reach, and what the proof expects to be blocked."""
    servers = servers_of(settings)
    return Policy(
        allowed=(
            *dns_rules(settings.dns),
            *servers.rules(),
            *entry_rules(keyed("egress", settings.egress)),
        ),
        forbidden=tuple(entry_rules(keyed("mustNotReach", settings.must_not_reach))),
        resolvers=settings.dns.resolvers,
        server_names=tuple(name for _, name in servers.names),
    )


def cage(settings: Settings, stack: str) -> Cage:
    """Where the policy of ``stack`` is enforced, on a host without a record of another firewall."""
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
        firewall=docker.firewall_in_file or USUAL_FIREWALL,
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
            Policy(allowed=may, forbidden=(rule,), resolvers=(), server_names=())
        except PolicyError as error:
            yield Finding(error.key, str(error.value), error.remedy)
