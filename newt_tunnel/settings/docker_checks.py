"""What must hold between the sections of a stack on a Docker host alone."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, ip_network

from newt_tunnel.egress.cage import (
    IPTABLES_CHEAP_TARGETS,
    IPTABLES_COST,
    IPTABLES_MAX_TARGETS,
    Firewall,
)
from newt_tunnel.egress.model import Network, destination_text
from newt_tunnel.egress.rules import Policy
from newt_tunnel.findings import Finding, Level
from newt_tunnel.settings.docker import USUAL_FIREWALL
from newt_tunnel.settings.facts import Facts

#: Enough to see what a subnet collides with.
_SHOWN_TARGETS = 5


def own_network(found: Facts) -> Iterator[Finding]:
    """Check that newt's subnet holds nothing else."""
    subnet = found.subnet
    if subnet is None:
        return
    inside: list[str] = []
    for key, block in _reachable(found):
        if subnet.overlaps(block) and block.prefixlen < subnet.prefixlen:
            yield Finding(
                key,
                str(block),
                f"contains newt's own network, docker.subnet {subnet}; write narrower blocks or "
                "another docker.subnet",
            )
        elif subnet.overlaps(block):
            inside.append(f"{key} {destination_text(block)}")
    if inside:
        first, rest = inside[:_SHOWN_TARGETS], len(inside) - _SHOWN_TARGETS
        more = f" and {rest} more" if rest > 0 else ""
        yield Finding(
            "docker.subnet",
            str(subnet),
            f"overlaps with {', '.join(first)}{more}; write a block that nothing else uses",
        )


def _reachable(found: Facts) -> Iterator[tuple[str, Network]]:
    """Yield what must be outside newt's own network.

    Entries of mustNotReach may be inside: the proof only tries them.
    """
    if found.host is not None:
        yield "docker.address", IPv4Network(found.host)
    if found.dns is not None:
        yield from (
            (f"dns[{n}]", ip_network(address)) for n, address in enumerate(found.dns.resolvers)
        )
    for n, address in enumerate(found.addresses or ()):
        yield f"pangolin.addresses[{n}]", ip_network(address)
    if (
        found.addresses is None
        and found.endpoint is not None
        and isinstance(found.endpoint.host, IPv4Address)
    ):
        yield "pangolin.endpoint", IPv4Network(found.endpoint.host)
    nodes = found.servers.nodes if found.servers else None
    for host in nodes.listed if nodes else ():
        if isinstance(host, IPv4Address):
            yield "pangolin.nodes", IPv4Network(host)
    for key, entry in found.egress:
        if isinstance(entry.meaning, IPv4Network):
            yield f"{key}.{'host' if entry.cidr is None else 'cidr'}", entry.meaning


def size(found: Facts) -> Iterator[Finding]:
    """Check the number of targets where the file says that they are rules of iptables."""
    targets = Policy(
        allowed=found.allowed, forbidden=(), resolvers=(), server_names=()
    ).target_count
    if found.firewall is Firewall.IPTABLES:
        yield from iptables_size(targets)


def iptables_size(targets: int) -> Iterator[Finding]:
    """Check the number of targets of iptables, which evaluates one rule after the other."""
    key, value, remedy = "docker.firewall", Firewall.IPTABLES.value, f"write {USUAL_FIREWALL.value}"
    if targets > IPTABLES_MAX_TARGETS:
        yield Finding(
            key,
            value,
            f"{targets} targets are more than the {IPTABLES_MAX_TARGETS} that it takes; {remedy}",
        )
    elif targets > IPTABLES_CHEAP_TARGETS:
        yield Finding(
            key,
            value,
            f"{targets} targets slow newt down: {IPTABLES_CHEAP_TARGETS} cost {IPTABLES_COST}, "
            f"more cost more; {remedy}, which costs the same for any number",
            Level.WARNING,
        )
