"""Placeholders in rendered lines for host names and containers whose addresses are not known yet.

The renderers write ``@{name}`` or ``@{container:name}`` where an address goes. The Docker host
repeats the whole line once per address when it loads the rules: one mechanism for every firewall,
and the line in a diff still says the name. Of a container ``@port`` in the same line becomes the
port of the bridge behind which it has the address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address

from newt_tunnel.egress.decide_packet import Resolution
from newt_tunnel.egress.model import (
    Container,
    Destination,
    HostName,
    Pods,
    WideBlock,
    destination_text,
)

_PLACEHOLDER = re.compile(r"@\{([^}]+)\}")
#: A port of the bridge of services: that of the container whose address is in the same line.
PORT = "@port"
#: newt itself on that network. No container has such a name.
NEWT = HostName("services:newt")


def address_text(destination: Destination) -> str:
    """Return an address, a CIDR, or the placeholder of a name: a Docker host has no other rules."""
    if isinstance(destination, str):
        return f"@{{{destination}}}"
    if isinstance(destination, Container):
        return f"@{{{destination.key}}}"
    if isinstance(destination, Pods | WideBlock):
        raise TypeError(f"{destination} exists in a cluster only")
    return destination_text(destination)


def expand(
    lines: Iterable[str], resolution: Resolution, port_of: Callable[[IPv4Address], str] = str
) -> Iterator[str]:
    """Repeat each line for each address of its name, as the Docker host does. A name without an
    address has no line.
    """
    for line in lines:
        found = _PLACEHOLDER.search(line)
        if found is None:
            yield line
            continue
        for address in resolution.get(HostName(found.group(1)), ()):
            yield line.replace(found.group(0), str(address)).replace(PORT, port_of(address))
