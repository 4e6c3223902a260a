"""How a rendered line names a host whose address is not known yet.

The renderers write ``@{name}`` where an address goes. The Docker host repeats the whole line once
per address when it loads the rules: one mechanism for every firewall, and the line in a diff still
says the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from newt_tunnel.egress.decide_packet import Resolution
from newt_tunnel.egress.model import Destination, HostName, Pods, WideBlock, destination_text

_PLACEHOLDER = re.compile(r"@\{([^}]+)\}")


def address_text(destination: Destination) -> str:
    """An address, a CIDR, or the placeholder of a name: all that a Docker host has rules for."""
    if isinstance(destination, str):
        return f"@{{{destination}}}"
    if isinstance(destination, Pods | WideBlock):
        raise TypeError(f"{destination} exists in a cluster only")
    return destination_text(destination)


def expand(lines: Iterable[str], resolution: Resolution) -> Iterator[str]:
    """Repeat each line per address of the name in it, as the Docker host does. A name without an
    answer: no line.
    """
    for line in lines:
        found = _PLACEHOLDER.search(line)
        if found is None:
            yield line
            continue
        for address in resolution.get(HostName(found.group(1)), ()):
            yield line.replace(found.group(0), str(address))
