"""Other stacks' newts on a Docker host, and what a declaration may not share with them.

The host's program refuses the same before it changes anything (``instances.sh``); this module lets
a preview say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from newt_tunnel.docker_host.payload import Declaration
from newt_tunnel.egress.free_subnet import free_subnet


@dataclass(frozen=True)
class Other:
    owner: str
    bridge: str
    subnet: IPv4Network
    network: str
    container: str

    @classmethod
    def parse(cls, line: str) -> Other:
        """Read a value of ``other=``; ``ValueError`` when it is something else."""
        words = line.split()
        if len(words) != 5:
            raise ValueError(f"not a newt of this host: {line[:200]!r}")
        owner, bridge, subnet, network, container = words
        return cls(owner, bridge, IPv4Network(subnet), network, container)


def conflict(declaration: Declaration, others: Sequence[Other]) -> str:
    """Return what ``declaration`` would share, with values that are free; nothing if all is its
    own. A newt of the same owner is no other: the host decides whether it is taken over.
    """
    foreign = [other for other in others if other.owner != declaration.owner]
    for other in foreign:
        if shared := "; ".join(_shared(declaration, other, foreign)):
            return (
                f"has the newt of stack {other.owner}, and that of {declaration.owner} cannot be "
                f"beside it: {shared}"
            )
    return ""


def _shared(declaration: Declaration, other: Other, others: Sequence[Other]) -> Iterator[str]:
    cage, names = declaration.cage, declaration.names
    if names.container == other.container or names.network == other.network:
        yield (
            f"both want container {names.container}, write docker.instance: {declaration.instance}"
        )
    elif cage.bridge == other.bridge:
        yield f"docker.bridge {cage.bridge} is that of both, leave it out"
    if cage.subnet.overlaps(other.subnet):
        yield (
            f"docker.subnet {cage.subnet} overlaps with {other.subnet}, write docker.subnet: "
            f"{free_subnet(one.subnet for one in others)}"
        )
