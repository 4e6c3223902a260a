"""Pangolin's servers as rules: the endpoint, and the nodes where tunnels end.

Which ports newt needs of each follows from what newt does (docs/pangolin.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from newt_tunnel.egress.model import (
    PANGOLIN_RULE,
    Address,
    Destination,
    HostName,
    PortRange,
    Protocol,
)
from newt_tunnel.egress.rules import Rule
from newt_tunnel.settings.endpoint import Endpoint
from newt_tunnel.settings.nodes import Nodes
from newt_tunnel.settings.pangolin_cloud import CLOUD
from newt_tunnel.settings.ports import ProtocolPorts
from newt_tunnel.settings.stack import AnySettings

#: WireGuard of the site's tunnel, and hole punching and relay for clients.
TUNNEL = ProtocolPorts(Protocol.UDP, PortRange.single(51820))
CLIENTS = ProtocolPorts(Protocol.UDP, PortRange.single(21820))
#: Where newt asks several nodes for `/ping`. The server drops a node that does not answer.
PING = ProtocolPorts(Protocol.TCP, PortRange.single(80))

NOTHING: Mapping[HostName, Sequence[Address]] = {}
#: The keys behind the rules, in reports.
PORTS_KEY, NODES_KEY = "pangolin.ports", "pangolin.nodes"


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Where Pangolin is, as the file says it. ``addresses`` are the endpoint's; what is not written
    is None.
    """

    endpoint: Endpoint
    addresses: tuple[Address, ...] | None
    nodes: Nodes | None
    ports: tuple[ProtocolPorts, ...] | None
    clients: bool

    @property
    def names(self) -> tuple[tuple[str, HostName], ...]:
        """The names whose addresses are left to resolution, each with its key, once."""
        hosts = [("pangolin.endpoint", self.endpoint.host)] if self.addresses is None else []
        hosts += [(NODES_KEY, host) for host in self._nodes_elsewhere]
        return tuple((key, host) for key, host in hosts if isinstance(host, str))

    @property
    def is_cloud(self) -> bool:
        return self.endpoint.host == CLOUD.endpoint

    def rules(self, resolved: Mapping[HostName, Sequence[Address]] = NOTHING) -> Iterator[Rule]:
        """One rule per address and protocol. A name that ``resolved`` lacks stays a name."""
        host = self.endpoint.host
        here = _places(host, resolved) if self.addresses is None else _places_of(self.addresses)
        yield from _rules(here, self.ports or self._of_the_endpoint, PORTS_KEY)
        for node in self.nodes.hosts if self.nodes else ():
            there = here if node == host else _places(node, resolved)
            if self.ports and set(there) <= set(here):
                continue  # the same ports at the same place
            yield from _rules(there, self.ports or self._of_a_node, NODES_KEY)

    @property
    def _of_the_endpoint(self) -> tuple[ProtocolPorts, ...]:
        own = (self.endpoint.protocol_ports,)
        return own if self.nodes else (*own, *self._of_a_tunnel)

    @property
    def _of_a_tunnel(self) -> tuple[ProtocolPorts, ...]:
        return (TUNNEL, CLIENTS) if self.clients else (TUNNEL,)

    @property
    def _of_a_node(self) -> tuple[ProtocolPorts, ...]:
        # The server of Pangolin Cloud has several, however few of them the file lists.
        several = self.is_cloud or (self.nodes is not None and len(self.nodes.hosts) > 1)
        return (*self._of_a_tunnel, PING) if several else self._of_a_tunnel

    @property
    def _nodes_elsewhere(self) -> tuple[Address | HostName, ...]:
        """The nodes but the endpoint's own host."""
        hosts = self.nodes.hosts if self.nodes else ()
        return tuple(host for host in hosts if host != self.endpoint.host)


def servers_of(settings: AnySettings) -> Servers:
    pangolin = settings.pangolin
    return Servers(
        endpoint=pangolin.endpoint,
        addresses=pangolin.addresses,
        nodes=pangolin.nodes,
        ports=pangolin.ports,
        clients=settings.newt.clients,
    )


def _places(
    host: Address | HostName, resolved: Mapping[HostName, Sequence[Address]]
) -> tuple[Destination, ...]:
    if not isinstance(host, str):
        return _places_of((host,))
    return _places_of(resolved[host]) if host in resolved else (host,)


def _places_of(addresses: Iterable[Address]) -> tuple[Destination, ...]:
    return tuple(map(ip_network, addresses))


def _rules(
    places: Iterable[Destination], open_ports: Iterable[ProtocolPorts], origin: str
) -> Iterator[Rule]:
    by_protocol: dict[Protocol, set[PortRange]] = {}
    for one in open_ports:
        by_protocol.setdefault(one.protocol, set()).update({one.ports} if one.ports else ())
    for destination in places:
        for protocol, found in by_protocol.items():
            yield Rule(
                name=PANGOLIN_RULE,
                destination=destination,
                protocol=protocol,
                ports=tuple(sorted(found)),
                origin=origin,
            )
