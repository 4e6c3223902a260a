"""The verdict of the cage on one packet: the specification that the rendered rules must meet.

Deliberately independent of iptables and nftables: property tests compare the renderers with it, and
the lab compares the kernel. The arrangement is part of the question, because behind DNAT
(``Hook.DOCKER_USER``) only conntrack knows the address that newt dialled. ``limits`` lists the
packets that an arrangement never sees.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from newt_tunnel.egress.cage import Cage, Firewall, Hook, ServiceNetwork
from newt_tunnel.egress.model import Container, HostName, Protocol
from newt_tunnel.egress.rules import Policy, Rule

#: Addresses of the host names and containers of a policy; one without an address matches nothing.
Resolution = Mapping[HostName, Sequence[IPv4Address]]


class Leg(enum.Enum):
    """The bridge that a packet crosses."""

    OWN = "newt's own network"
    #: Frames between its ports are judged, too.
    SERVICES = "the network of services"


class Direction(enum.Enum):
    """Which way a packet crosses the bridge."""

    FROM_NEWT = "from newt"
    TO_NEWT = "to newt"


class Tracking(enum.Enum):
    """The state of a packet in conntrack.

    ``REPLY``: established or related, in the reply direction. Everything else, also a later packet
    of a connection that was opened in this direction, is ``ORIGINAL``; packets that conntrack does
    not know are ``UNTRACKED``.
    """

    ORIGINAL = "original"
    REPLY = "reply"
    UNTRACKED = "untracked"


@dataclass(frozen=True, kw_only=True)
class Packet:
    """One packet on a bridge of newt's. ``protocol`` is a name or number as IP carries it; ``port``
    None where it has none.

    ``asked`` is the address and port that the packet's connection was opened to, according to
    conntrack; None where that is the packet's own destination. Replies and errors have another.
    On the network of services the direction says nothing: who sends to whom is what counts.
    ``impostor``: it comes from, or leaves to, another port of the bridge than its address belongs
    to.
    """

    direction: Direction
    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    protocol: str
    port: int | None = None
    tracking: Tracking = Tracking.ORIGINAL
    asked: tuple[IPv4Address | IPv6Address, int | None] | None = None
    leg: Leg = Leg.OWN
    impostor: bool = False


@dataclass(frozen=True)
class PacketVerdict:
    """``rule`` names the allowing rule, else None; ``reason`` is a sentence for people."""

    allowed: bool
    reason: str
    rule: str | None = None


def decide(
    policy: Policy, cage: Cage, packet: Packet, resolution: Resolution | None = None
) -> PacketVerdict:
    """Decide whether ``packet`` passes the arrangement of ``cage``, with the reason. Total: every
    packet gets a verdict, and what is unknown is dropped.
    """
    if not isinstance(packet.source, IPv4Address) or not isinstance(
        packet.destination, IPv4Address
    ):
        return PacketVerdict(False, "IPv6 does not cross newt's bridge")
    if packet.leg is Leg.SERVICES:
        return _decide_on_services(policy, cage.services, packet, resolution or {})
    if packet.direction is Direction.TO_NEWT:
        if packet.tracking is Tracking.REPLY:
            return PacketVerdict(True, "a reply to what newt was allowed to ask")
        return PacketVerdict(False, "nothing may open a connection to newt")
    if packet.source != cage.newt:
        return PacketVerdict(False, f"only {cage.newt} may send from {cage.bridge}")
    destination: IPv4Address | IPv6Address = packet.destination
    port = packet.port
    if goes_by_connection(cage):
        if packet.tracking is Tracking.UNTRACKED:
            return PacketVerdict(False, "conntrack does not know whom newt asked for")
        destination, port = packet.asked or (destination, port)
    for rule in policy.own_network_rules:
        if _matches(rule, destination, packet.protocol, port, resolution or {}):
            return PacketVerdict(True, f"{rule.origin} allows it", rule.name)
    return PacketVerdict(False, "not in the allow-list")


def _decide_on_services(
    policy: Policy, services: ServiceNetwork | None, packet: Packet, resolution: Resolution
) -> PacketVerdict:
    if services is None:
        return PacketVerdict(False, "newt has no network of services")
    if packet.impostor:
        return PacketVerdict(False, "the address belongs to another container")
    if packet.destination == services.newt and packet.tracking is Tracking.REPLY:
        if any(packet.source in resolution.get(key, ()) for key in policy.container_keys):
            return PacketVerdict(True, "a reply to what newt was allowed to ask")
        return PacketVerdict(False, "no listed container has this address")
    if packet.source != services.newt:
        return PacketVerdict(False, f"only {services.newt} may open anything on {services.bridge}")
    for rule in policy.container_rules:
        if _matches(rule, packet.destination, packet.protocol, packet.port, resolution):
            return PacketVerdict(True, f"{rule.origin} allows it", rule.name)
    return PacketVerdict(False, "not in the allow-list")


def goes_by_connection(cage: Cage) -> bool:
    """Whether the rules match the destination of a connection, and not that of a packet."""
    return cage.firewall is Firewall.IPTABLES and cage.hook is Hook.DOCKER_USER


def _matches(
    rule: Rule,
    destination: IPv4Address | IPv6Address,
    protocol: str,
    port: int | None,
    resolution: Resolution,
) -> bool:
    if isinstance(rule.destination, IPv4Network):
        if destination not in rule.destination:
            return False
    else:
        name = rule.destination.key if isinstance(rule.destination, Container) else rule.destination
        if not isinstance(name, str) or destination not in resolution.get(name, ()):
            return False
    if rule.protocol is Protocol.ANY:
        return True
    return (
        protocol == rule.protocol.value and port is not None and any(port in r for r in rule.ports)
    )
