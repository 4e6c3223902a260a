"""Ports, protocols and the two of them together, as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from pydantic import PlainValidator, TypeAdapter
from pydantic_core import PydanticCustomError

from newt_tunnel.egress.model import ALL_PORTS, PORT_LIMITS, PortRange, Protocol
from newt_tunnel.settings.errors import refuse

_NUMBER = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")


@dataclass(frozen=True)
class ProtocolPorts:
    """A protocol with its ports: ``443/tcp``. Without ports every protocol: ``all``."""

    protocol: Protocol
    ports: PortRange | None

    def covers(self, other: ProtocolPorts) -> bool:
        """Whether everything that ``other`` allows is allowed by this."""
        if self.ports is None:
            return True
        return (
            self.protocol is other.protocol
            and other.ports is not None
            and self.ports.covers(other.ports)
        )

    def __str__(self) -> str:
        return "all" if self.ports is None else f"{self.ports}/{self.protocol.value}"


EVERY_PROTOCOL = ProtocolPorts(Protocol.ANY, None)


def port(value: object) -> int:
    """One port, as a number or in quotes."""
    found = port_range(value)
    if not found.is_single:
        raise refuse("is a range; write one port")
    return found.first


def port_range(value: object) -> PortRange:
    """``3000``, ``"3000"`` or ``"8000-8010"``."""
    if isinstance(value, PortRange):
        return value
    # YAML's true is an int to Python.
    if isinstance(value, int) and not isinstance(value, bool):
        return _range(value, value)
    if isinstance(value, str):
        if _NUMBER.fullmatch(value):
            return _range(int(value), int(value))
        if found := _RANGE.fullmatch(value):
            return _range(int(found[1]), int(found[2]))
        if "," in value:
            raise refuse("is not a port; write several as a list, like [80, 443]")
    raise refuse(f'is not a port; write a number, a list or "8000-8010"; {PORT_LIMITS}')


def _range(first: int, last: int) -> PortRange:
    if (
        not ALL_PORTS.first <= first <= ALL_PORTS.last
        or not ALL_PORTS.first <= last <= ALL_PORTS.last
    ):
        raise refuse(f"is out of range; {PORT_LIMITS}")
    if first > last:
        raise refuse(f'is the wrong way round; write "{last}-{first}"')
    return PortRange(first, last)


_RANGES = TypeAdapter(tuple[Annotated[PortRange, PlainValidator(port_range)], ...])


def ports(value: object) -> tuple[PortRange, ...]:
    """One port, one range, or a list of them; sorted, and each port named once."""
    if not isinstance(value, list | tuple):
        return (port_range(value),)
    found = sorted(_RANGES.validate_python(value))
    if not found:
        raise refuse("is empty; write the ports, or remove the entry")
    for lower, higher in pairwise(found):
        if lower.overlaps(higher):
            again = f"{higher} twice" if lower == higher else f"{lower} and {higher}, which overlap"
            raise refuse(f"names {again}; name each port once")
    return tuple(found)


def protocol(value: object) -> Protocol:
    """TCP or UDP, case-insensitive."""
    if isinstance(value, Protocol):
        return value
    if isinstance(value, str):
        for known in (Protocol.TCP, Protocol.UDP):
            if value.lower() == known.value:
                return known
    raise refuse("is not a protocol that has ports; write TCP or UDP")


def protocol_ports(value: object) -> ProtocolPorts:
    """``443/tcp``, ``8000-8010/udp`` or ``all``."""
    if isinstance(value, ProtocolPorts):
        return value
    if isinstance(value, str) and value.lower() == str(EVERY_PROTOCOL):
        return EVERY_PROTOCOL
    text, slash, transport = str(value).partition("/")
    if not slash and not isinstance(value, bool) and _NUMBER.fullmatch(text):
        raise refuse(f"has no protocol; write {text}/tcp or {text}/udp")
    if not isinstance(value, str) or not slash:
        raise refuse("is not a port with its protocol; write it like 443/tcp, or `all`")
    try:
        return ProtocolPorts(protocol(transport), port_range(text))
    except PydanticCustomError as error:
        # The remedy is about a part, and the message shows the whole value.
        raise refuse(str((error.context or {})["remedy"])) from None
