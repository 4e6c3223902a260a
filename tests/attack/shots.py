"""One packet with its past: how it is made so that conntrack thinks of it what the model says.

A shot is in the terms of the model and knows three things of the world: which packets must have
passed before it, how it looks as bytes, and as which packet ``egress.decide`` judges it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address

from newt_tunnel.egress.cage import Cage
from newt_tunnel.egress.decide_packet import Direction, Packet, Tracking
from tests.attack.packets import (
    ECHO_REPLY,
    ECHO_REQUEST,
    ECHO_REQUEST6,
    ICMPV6,
    INVALID,
    NOTRACK,
    PROTOCOLS,
    SYN_ACK,
    Address,
    fragments,
    icmp_error,
    ip,
    segment,
    token,
)
from tests.host.attacker import ACK, SYN

#: Addresses of the other family, which the model has none of: it knows no IPv6 behind the bridge.
HOST_V6, NEWT_V6 = IPv6Address("fd10:1::10"), IPv6Address("fd30::10")
#: A port that nothing is asked at; of connections that errors are about.
QUOTED_PORT = 9999
#: The first of the ports by which the shots of a volley are told apart.
FIRST_PORT = 20000


class Manner(enum.Enum):
    """What conntrack is made to think of a shot."""

    FRESH = "the first packet of a connection"
    LATER = "a later packet of a connection that was opened and answered before"
    ANSWER = "the answer to a connection that was opened before"
    ERROR = "an ICMP error about what the receiver sent before"
    FOREIGN_ERROR = "an ICMP error about what the receiver sent to the Docker host before"
    LATE_ERROR = "an ICMP error about what the receiver answered before"
    NOTRACK = "a packet that conntrack is told not to look at"
    INVALID = "a packet that conntrack takes for nonsense"


_ERRORS = (Manner.ERROR, Manner.FOREIGN_ERROR, Manner.LATE_ERROR)
_TRACKING = {
    **dict.fromkeys((Manner.FRESH, Manner.LATER, Manner.LATE_ERROR), Tracking.ORIGINAL),
    **dict.fromkeys((Manner.ANSWER, Manner.ERROR, Manner.FOREIGN_ERROR), Tracking.REPLY),
    **dict.fromkeys((Manner.NOTRACK, Manner.INVALID), Tracking.UNTRACKED),
}


class Side(enum.Enum):
    """Where packets are sent from, and where they arrive."""

    NEWT = "newt"
    HOST = "host"
    WORLD = "world"


@dataclass(frozen=True)
class Sent:
    """An IP packet and where it is sent from."""

    side: Side
    data: bytes


@dataclass(frozen=True)
class Shot:
    """``port`` is None where ``protocol`` has none. Only IPv4 has a past, or comes in fragments."""

    direction: Direction
    source: Address
    destination: Address
    protocol: str
    port: int | None
    manner: Manner = Manner.FRESH
    fragmented: bool = False

    def packet(self, cage: Cage, number: int) -> Packet:
        """As the model sees the shot."""
        asked: dict[Manner, tuple[Address, int | None]] = {
            Manner.ANSWER: (self.source, self._own(number)),
            Manner.ERROR: (self._third(cage), QUOTED_PORT),
            Manner.FOREIGN_ERROR: (self._third(cage), QUOTED_PORT),
            Manner.LATE_ERROR: (self.destination, QUOTED_PORT),
        }
        is_error = self.manner in _ERRORS
        return Packet(
            direction=self.direction,
            source=self.source,
            destination=self.destination,
            protocol="icmp" if is_error else self.protocol,
            port=None if is_error else self.port,
            tracking=_TRACKING[self.manner],
            asked=asked.get(self.manner),
        )

    def past(self, cage: Cage, number: int) -> Iterator[Sent]:
        """What has to pass before; each arrives, or the shot is not what it claims to be."""
        word = token("past", number)
        here, there = self._here(cage), self._there(cage)
        own, port = self._own(number), self.port or 0
        a, b = self.source, self.destination

        def say(
            side: Side, source: Address, to: Address, ports: tuple[int, int], kind: int
        ) -> Sent:
            data = segment(self.protocol, source, to, *ports, kind, word)
            return Sent(side, ip(source, to, PROTOCOLS[self.protocol], data))

        opening, answering = (
            (ECHO_REQUEST, ECHO_REPLY) if self.protocol == "icmp" else (SYN, SYN_ACK)
        )
        if self.manner is Manner.LATER:
            yield say(here, a, b, (own, port), opening)
            yield say(there, b, a, self._back(own, port), answering)
        elif self.manner is Manner.ANSWER:
            yield say(there, b, a, self._back(own, port), opening)
        elif self.manner in _ERRORS:
            third = self._third(cage)
            side = here if third == self.source else Side.HOST
            outward = Sent(there, self._quoted(cage, number, word))
            if self.manner is Manner.LATE_ERROR:
                data = segment("udp", third, b, own, QUOTED_PORT, 0, word)
                yield Sent(side, ip(third, b, PROTOCOLS["udp"], data))
            yield outward

    def sent(self, cage: Cage, number: int) -> Iterator[Sent]:
        """The shot itself: one packet, or its two fragments."""
        word, side = token("shot", number), self._here(cage)
        tos = NOTRACK if self.manner is Manner.NOTRACK else 0
        if self.manner in _ERRORS:
            data = icmp_error(self._quoted(cage, number, word), word)
            protocol = PROTOCOLS["icmp"]
        else:
            own, port = self._own(number), self.port or 0
            data = segment(
                self.protocol, self.source, self.destination, own, port, self._kind, word
            )
            protocol = PROTOCOLS.get(self.protocol, ICMPV6)
        if self.fragmented:
            for part in fragments(
                self.source, self.destination, protocol, data, tos=tos, ident=number + 1
            ):
                yield Sent(side, part)
        else:
            yield Sent(side, ip(self.source, self.destination, protocol, data, tos=tos))

    @property
    def tuple_key(self) -> tuple[str, frozenset[Address]] | None:
        """What conntrack tells connections of the protocol apart by, where that is not a port."""
        if self.protocol in ("gre", "253"):
            return self.protocol, frozenset((self.source, self.destination))
        return None

    def __str__(self) -> str:
        port = "" if self.port is None else f" port {self.port}"
        pieces = ", in two fragments" if self.fragmented else ""
        what = "" if self.manner in _ERRORS else f"{self.protocol}{port}, "
        return (
            f"{self.direction.value}: {self.source} -> {self.destination}, "
            f"{what}{self.manner.value}{pieces}"
        )

    @property
    def _kind(self) -> int:
        if self.protocol == "ipv6-icmp":
            return ECHO_REQUEST6
        if self.protocol == "icmp":
            return ECHO_REPLY if self.manner is Manner.ANSWER else ECHO_REQUEST
        kinds = {Manner.LATER: ACK, Manner.ANSWER: SYN_ACK, Manner.INVALID: INVALID}
        return kinds.get(self.manner, SYN)

    def _own(self, number: int) -> int:
        return FIRST_PORT + number

    def _back(self, own: int, port: int) -> tuple[int, int]:
        """An ICMP conversation has one number, whoever speaks."""
        return (own, port) if self.protocol == "icmp" else (port, own)

    def _third(self, cage: Cage) -> Address:
        """To whom the receiver of an error spoke."""
        return cage.host if self.manner is Manner.FOREIGN_ERROR else self.source

    def _quoted(self, cage: Cage, number: int, word: bytes) -> bytes:
        third, own = self._third(cage), self._own(number)
        ports = (QUOTED_PORT, own) if self.manner is Manner.LATE_ERROR else (own, QUOTED_PORT)
        data = segment("udp", self.destination, third, *ports, 0, word)
        return ip(self.destination, third, PROTOCOLS["udp"], data)

    def _here(self, cage: Cage) -> Side:
        """Where the shot is sent, whatever source it claims to have."""
        from_newt = self.direction is Direction.FROM_NEWT
        return Side.NEWT if from_newt else _place(cage, self.source)

    def _there(self, cage: Cage) -> Side:
        to_newt = self.direction is Direction.TO_NEWT
        return Side.NEWT if to_newt else _place(cage, self.destination)


def _place(cage: Cage, address: Address) -> Side:
    return Side.HOST if address in (cage.host, cage.gateway, HOST_V6) else Side.WORLD
