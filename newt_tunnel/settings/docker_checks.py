"""What must hold between the sections of a stack on a Docker host alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, ip_network

from newt_tunnel.egress.cage import (
    IPTABLES_CHEAP_TARGETS,
    IPTABLES_COST,
    IPTABLES_MAX_TARGETS,
    Firewall,
    Hook,
)
from newt_tunnel.egress.model import Container, Network, destination_text
from newt_tunnel.egress.rules import Policy
from newt_tunnel.findings import Finding, Level
from newt_tunnel.settings.docker import NETWORK, USUAL_FIREWALL
from newt_tunnel.settings.facts import Facts
from newt_tunnel.settings.targets import Keyed

#: Enough to see what a subnet collides with.
_SHOWN_TARGETS = 5
_SERVICES = "docker.services"


def own_networks(found: Facts) -> Iterator[Finding]:
    """Check that newt's subnets hold nothing else."""
    yield from _alone("docker.subnet", found.subnet, _reachable(found))
    if found.services is not None and _containers(found):
        others = [*_reachable(found)]
        if found.subnet is not None:
            others.append(("docker.subnet", found.subnet))
        yield from _alone(f"{_SERVICES}.subnet", found.services.subnet, others)


def services(found: Facts) -> Iterator[Finding]:
    """Check that the network of services can be confined, and is not newt's other one."""
    if not _containers(found):
        return
    if found.hook is Hook.DOCKER_USER:
        key, entry = _containers(found)[0]
        yield Finding(
            "docker.hook",
            Hook.DOCKER_USER.value,
            f"is not supported with {key} ({entry.meaning}): with it frames between containers do "
            "not meet the rules in time; write hook: prerouting",
        )
    if found.services is not None and found.services.network == NETWORK:
        yield Finding(
            f"{_SERVICES}.network",
            NETWORK,
            "is the network that newt is alone on; write another, like newt-services",
        )
    if found.services is not None and found.services.bridge == (found.bridge or f"br-{NETWORK}"):
        yield Finding(
            f"{_SERVICES}.bridge",
            found.services.bridge,
            "is docker.bridge as well; write another, like br-newt-svc",
        )


def _containers(found: Facts) -> list[Keyed]:
    return [(key, entry) for key, entry in found.entries if isinstance(entry.meaning, Container)]


def _alone(
    own: str, subnet: IPv4Network | None, others: Iterable[tuple[str, Network]]
) -> Iterator[Finding]:
    if subnet is None:
        return
    inside: list[str] = []
    for key, block in others:
        if subnet.overlaps(block) and block.prefixlen < subnet.prefixlen:
            yield Finding(
                key,
                str(block),
                f"contains newt's own network, {own} {subnet}; write narrower blocks or "
                f"another {own}",
            )
        elif subnet.overlaps(block):
            inside.append(f"{key} {destination_text(block)}")
    if inside:
        first, rest = inside[:_SHOWN_TARGETS], len(inside) - _SHOWN_TARGETS
        more = f" and {rest} more" if rest > 0 else ""
        yield Finding(
            own,
            str(subnet),
            f"overlaps with {', '.join(first)}{more}; write a block that nothing else uses",
        )


def _reachable(found: Facts) -> Iterator[tuple[str, Network]]:
    """Yield what must be outside newt's own networks.

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
    if found.firewall is Firewall.IPTABLES:
        policy = Policy(allowed=found.allowed, forbidden=(), resolvers=(), server_names=())
        yield from iptables_size(policy.target_count)


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
