"""Packets as rules in the kernel see them, and which of them a packet of the model stands for.

``egress.decide`` speaks of directions and of three ways of tracking; rules match interfaces,
conntrack states and the tuple of a connection. The translation lives here, once for both machines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from newt_tunnel.egress.cage import Cage
from newt_tunnel.egress.decide_packet import Direction, Packet, Tracking

#: An interface that is not newt's bridge.
ELSEWHERE = "eth0"

_STATES = {
    Tracking.ORIGINAL: ("NEW", "ESTABLISHED", "RELATED"),
    Tracking.REPLY: ("ESTABLISHED", "RELATED"),
    Tracking.UNTRACKED: ("UNTRACKED", "INVALID"),
}


@dataclass(frozen=True, kw_only=True)
class Connection:
    """What conntrack remembers of a packet's connection, and on which side of it the packet is."""

    destination: IPv4Address | IPv6Address
    port: int | None
    reply: bool


@dataclass(frozen=True, kw_only=True)
class WirePacket:
    """``connection`` is None where conntrack knows none: states UNTRACKED and INVALID."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    protocol: str
    port: int | None
    state: str
    connection: Connection | None
    in_interface: str = ""
    out_interface: str = ""
    #: Ports of a bridge, of a frame between two of them.
    in_port: str = ""
    out_port: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a packet, and the comment of the last rule that had a say."""

    passed: bool
    comment: str


def readings(packet: Packet, cage: Cage) -> Iterator[WirePacket]:
    """Every way in which the kernel may see ``packet`` where no address was rewritten."""
    from_newt = packet.direction is Direction.FROM_NEWT
    reply = packet.tracking is Tracking.REPLY
    destination, port = packet.asked or (packet.destination, packet.port)
    connection = Connection(destination=destination, port=port, reply=reply)
    for state in _STATES[packet.tracking]:
        yield WirePacket(
            source=packet.source,
            destination=packet.destination,
            protocol=packet.protocol,
            port=packet.port,
            state=state,
            connection=None if packet.tracking is Tracking.UNTRACKED else connection,
            in_interface=cage.bridge if from_newt else "",
            out_interface="" if from_newt else cage.bridge,
        )


def forwarded(packet: WirePacket) -> WirePacket:
    """The same packet in the FORWARD hook, where the other interface is known too."""
    return replace(
        packet,
        in_interface=packet.in_interface or ELSEWHERE,
        out_interface=packet.out_interface or ELSEWHERE,
    )


def rewritten(packet: WirePacket, destination: IPv4Address, port: int) -> WirePacket:
    """The same packet behind DNAT: conntrack still knows whom newt asked for."""
    return replace(packet, destination=destination, port=None if packet.port is None else port)
