"""The plan of the proof: the attempts from newt's own network namespace, and their expected
results.

Expectations come from ``decide``, never from a second opinion; ``samples`` chooses the addresses
and ports that represent a range. ``newt-proof`` and ``newt-probe`` try the lines that ``render``
writes; ``proof_table`` reads what they print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from newt_tunnel.egress.cage import Cage
from newt_tunnel.egress.decide_packet import Direction, Packet, decide
from newt_tunnel.egress.model import (
    ALL_PORTS,
    CANARIES,
    DNS_PORT,
    SSH_PORT,
    Address,
    Network,
    Pods,
    PortRange,
    Protocol,
    WideBlock,
)
from newt_tunnel.egress.placeholders import address_text
from newt_tunnel.egress.rules import Policy, Rule
from newt_tunnel.egress.samples import addresses_to_try, ports_to_try

HTTP_PORT = 80
#: The cloud metadata address: link-local, and a classic prize.
METADATA = IPv4Address("169.254.169.254")
#: A public resolver, and the one that newt itself carries as its default: a leak here would be DNS
#: exfiltration.
FOREIGN_RESOLVER = IPv4Address("9.9.9.9")


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One attempt. ``address`` is an address, a CIDR (then it is only listed) or a placeholder of a
    host name.
    """

    name: str
    address: str
    protocol: str
    port: str
    must_reach: bool
    #: The range or block that the attempt is a sample of; a wider one is another plan.
    part_of: str = ""

    @property
    def line(self) -> str:
        """What ``newt-proof`` reads: expectation, protocol, address, port, name and, of a
        sample, what it is one of.
        """
        expectation = "reach" if self.must_reach else "block"
        words = (expectation, self.protocol, self.address, self.port, self.name, self.part_of)
        return " ".join(words).rstrip()


def plan(policy: Policy, cage: Cage, *, ssh_port: int = SSH_PORT) -> tuple[Probe, ...]:
    """Every allowed rule, every forbidden one, and the built-in canaries that the policy does not
    allow.
    """
    probes = [probe for rule in policy.sorted_rules for probe in _allowed(rule)]
    forbidden = sorted(policy.forbidden, key=lambda rule: rule.sort_key)
    known = known_addresses(policy)
    probes += [probe for rule in forbidden for probe in forbidden_probes(rule, known)]
    tried = {(probe.address, probe.protocol, probe.port) for probe in probes}
    probes += [
        c for c in _canaries(policy, cage, ssh_port) if (c.address, c.protocol, c.port) not in tried
    ]
    return tuple(probes)


def known_addresses(policy: Policy) -> tuple[Address, ...]:
    """Return every single address in the policy: a target is likely to answer there."""
    named = (
        rule.destination.network_address
        for rule in (*policy.allowed, *policy.forbidden)
        if isinstance(rule.destination, IPv4Network | IPv6Network) and _is_single(rule.destination)
    )
    return tuple(dict.fromkeys((*named, *policy.resolvers)))


def forbidden_probes(rule: Rule, known: Iterable[Address]) -> Iterator[Probe]:
    """The attempts at a forbidden rule, a range by its samples (``samples``)."""
    where = rule.destination
    if isinstance(where, Pods | WideBlock):
        raise TypeError(f"{where} has no ends to try")
    places, block = [address_text(where)], ""
    if isinstance(where, IPv4Network | IPv6Network) and not _is_single(where):
        places, block = [str(address) for address in addresses_to_try(where, known)], f"{where}:"
    for place in places:
        for protocol, ports in _ranges(rule):
            word = "all" if rule.protocol is Protocol.ANY else str(ports)
            part_of = f"{block}{word}" if block or not ports.is_single else ""
            for port in ports_to_try(ports, protocol):
                yield Probe(
                    name=rule.name,
                    address=place,
                    protocol=protocol.value,
                    port=str(port),
                    must_reach=False,
                    part_of=part_of,
                )


def _is_single(block: Network) -> bool:
    return block.prefixlen == block.max_prefixlen


def _ranges(rule: Rule) -> Iterator[tuple[Protocol, PortRange]]:
    if rule.protocol is Protocol.ANY:
        yield from ((protocol, ALL_PORTS) for protocol in (Protocol.TCP, Protocol.UDP))
    else:
        yield from ((rule.protocol, ports) for ports in rule.ports)


def _allowed(rule: Rule) -> Iterator[Probe]:
    """Yield the attempts at an allowed rule. The first port of a range is enough to show whether
    newt is cut off.
    """
    attempts: tuple[tuple[str, str], ...]
    if rule.protocol is Protocol.ANY:
        # A blanket rule has no port of its own to try.
        attempts = (("all", ""),)
    elif isinstance(rule.destination, IPv4Network) and not _is_single(rule.destination):
        attempts = ((rule.ports_text, ""),)
    else:
        attempts = tuple(
            (str(ports.first), "" if ports.is_single else str(ports)) for ports in rule.ports
        )
    for port, part_of in attempts:
        yield Probe(
            name=rule.name,
            address=address_text(rule.destination),
            protocol=rule.protocol.value,
            port=port,
            must_reach=True,
            part_of=part_of,
        )


def _canaries(policy: Policy, cage: Cage, ssh_port: int) -> Iterator[Probe]:
    host_ssh, gateway_ssh, metadata, resolver = CANARIES
    if services := cage.services:
        # No rule of the stack file is for this address.
        yield Probe(
            name=gateway_ssh,
            address=str(services.gateway),
            protocol=Protocol.TCP.value,
            port=str(ssh_port),
            must_reach=False,
        )
    for name, address, port, protocol in (
        (host_ssh, cage.host, ssh_port, Protocol.TCP),
        (gateway_ssh, cage.gateway, ssh_port, Protocol.TCP),
        (metadata, METADATA, HTTP_PORT, Protocol.TCP),
        (resolver, FOREIGN_RESOLVER, DNS_PORT, Protocol.TCP),
        (resolver, FOREIGN_RESOLVER, DNS_PORT, Protocol.UDP),
    ):
        packet = Packet(
            direction=Direction.FROM_NEWT,
            source=cage.newt,
            destination=address,
            protocol=protocol.value,
            port=port,
        )
        if not decide(policy, cage, packet).allowed:
            yield Probe(
                name=name,
                address=str(address),
                protocol=protocol.value,
                port=str(port),
                must_reach=False,
            )


def render(probes: tuple[Probe, ...]) -> str:
    """The plan as lines for ``newt-proof``."""
    return "".join(f"{probe.line}\n" for probe in probes)
