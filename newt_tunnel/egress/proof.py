"""The proof: what is tried from newt's own network namespace, and how the measured table reads.

Owns the plan (which probe, which expectation) and the text format between it and
``newt-proof``, which does the trying. Expectations come from ``decide``, never from a second
opinion, and what stands for a range from ``samples``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from newt_tunnel.egress.cage import Cage
from newt_tunnel.egress.decide_packet import Direction, Packet, decide
from newt_tunnel.egress.model import (
    ALL_PORTS,
    CANARIES,
    DNS_PORT,
    Address,
    Network,
    Pods,
    Policy,
    PortRange,
    Protocol,
    Rule,
    WideBlock,
)
from newt_tunnel.egress.placeholders import address_text
from newt_tunnel.egress.samples import addresses_to_try, ports_to_try

SSH_PORT = 22
HTTP_PORT = 80
#: The cloud metadata address: link-local, and a classic prize.
METADATA = IPv4Address("169.254.169.254")
#: A public resolver, and the one that newt itself carries as its default: a leak here would be DNS
#: exfiltration.
FOREIGN_RESOLVER = IPv4Address("9.9.9.9")


_HEADER = ("RULE", "DESTINATION", "PORT", "EXPECTED", "VERDICT", "EVIDENCE")
#: What the prober says about the table, below it.
_REMARK = "warning: "
_COLUMN_GAP = re.compile(r" {2,}")
#: Above the table: when it was measured, and of which rules.
_MEASURED = re.compile(r"^measured (\S+), generation (\S+), rules \S+$", re.MULTILINE)


class Verdict(enum.Enum):
    """What a probe showed. Only ``OPEN`` breaks the cage."""

    REACHED = "reached"
    BLOCKED = "blocked"
    #: UDP answers nobody: what counts is the packet in the counter of the rule that allows it.
    COUNTED = "counted"
    #: UDP again, where nothing counts packets.
    SENT = "sent, not provable"
    NOT_PROVED = "not proved"
    OPEN = "OPEN"
    NOT_PROBED = "not probed"
    #: Open, and accepted by the stack file: an enforcer may exempt newt's own node.
    ACCEPTED = "accepted"


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


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row of the measured table; ``port`` carries its protocol (``443/tcp``).

    ``as_expected`` is False for a leak, and for an allowed target that newt is cut off from.
    """

    name: str
    destination: str
    port: str
    expected: str
    verdict: Verdict
    evidence: str

    def as_row(self) -> dict[str, str]:
        """Plain values, for a stack output."""
        return {
            "name": self.name,
            "destination": self.destination,
            "port": self.port,
            "expected": self.expected,
            "verdict": self.verdict.value,
            "evidence": self.evidence,
        }

    @property
    def as_expected(self) -> bool:
        return not (
            self.verdict is Verdict.OPEN
            or (self.expected == "reach" and self.verdict is Verdict.BLOCKED)
        )


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
    """Every single address that the policy names: something is likely to answer there."""
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
    if not isinstance(where, str) and not _is_single(where):
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
    """A range of ports by its first one: it shows whether newt is cut off."""
    attempts: tuple[tuple[str, str], ...]
    if rule.protocol is Protocol.ANY:
        # A blanket rule has no port of its own to knock at.
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


def parse(output: str) -> tuple[Result, ...]:
    """Read the table that ``newt-proof`` printed; text around it is for people. ``ValueError``
    on a broken row.
    """
    results = []
    in_table = False
    for line in output.splitlines():
        cells = _COLUMN_GAP.split(line.strip())
        if cells == list(_HEADER):
            in_table = True
        elif not line.strip() or line.startswith(_REMARK):
            in_table = False
        elif in_table:
            if len(cells) != len(_HEADER):
                raise ValueError(f"not a row of the proof's table: {line!r}")
            name, destination, port, expected, verdict, evidence = cells
            results.append(
                Result(
                    name=name,
                    destination=destination,
                    port=port,
                    expected=expected,
                    verdict=Verdict(verdict),
                    evidence=evidence,
                )
            )
    return tuple(results)


def measurement(output: str) -> dict[str, str]:
    """When the table in ``output`` was measured, and the generation of the rules that it was
    measured with: of a stack's output a user cannot tell otherwise whether it is of today. Empty
    where nothing was measured.
    """
    found = _MEASURED.search(output)
    return {"measured": found[1], "generation": found[2]} if found else {}


def summary(results: tuple[Result, ...]) -> str:
    """``N as expected, M wrong``, the last line of the demo."""
    wrong = sum(not result.as_expected for result in results)
    return f"{len(results) - wrong} as expected, {wrong} wrong"


def with_control(results: tuple[Result, ...], control: tuple[Result, ...]) -> tuple[Result, ...]:
    """``results`` of a prober that could not tell a block from nobody at home, told by a control
    that tried the same without a policy.
    """
    answered = {(row.name, row.destination, row.port) for row in control if _answered(row)}
    return tuple(
        replace(row, verdict=Verdict.BLOCKED, evidence=f"{row.evidence}, control: connected")
        if row.verdict is Verdict.NOT_PROVED and (row.name, row.destination, row.port) in answered
        else row
        for row in results
    )


def _answered(row: Result) -> bool:
    return row.verdict in (Verdict.REACHED, Verdict.OPEN, Verdict.ACCEPTED)
