"""Decides which attempts may become entries, which are doubtful, and which are never offered.

A need and an attack look the same here, and an attacker may control newt. So targets that the cage
exists to block are not offered, and unusual ones are offered with a reason against them. Leaves out
names and YAML.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from newt_tunnel.egress.cage import Cage
from newt_tunnel.egress.decide_packet import Direction, Packet, Resolution, decide
from newt_tunnel.egress.model import DNS_PORT, Address, Pods, PortRange, Protocol
from newt_tunnel.egress.rules import Policy, Rule
from newt_tunnel.settings.addresses import is_private
from newt_tunnel.settings.ports import ProtocolPorts
from newt_tunnel.settings.servers import CLIENTS, PING, TUNNEL
from newt_tunnel.tools.suggest.attempts import Attempt

#: The second is DNS over TLS and QUIC: both carry data out past the list.
_ASKS_FOR_NAMES = (DNS_PORT, 853)
#: More ports of one target than a service has, so probably a scan.
_MANY_PORTS = 8

_METADATA6 = IPv6Address("fd00:ec2::254")
_NEVER = tuple(
    (IPv4Network(block), text)
    for block, text in (
        ("0.0.0.0/8", "is no target"),
        ("127.0.0.0/8", "is loopback"),
        ("169.254.0.0/16", "is link-local, where clouds keep their metadata"),
        ("100.100.100.200/32", "is where Alibaba Cloud keeps its metadata"),
        ("224.0.0.0/4", "is multicast"),
        ("240.0.0.0/4", "is reserved or broadcast"),
    )
)


#: What newt does for itself at these ports of any server. In an entry it would be the wrong key.
_NEWTS_OWN: tuple[tuple[ProtocolPorts, str], ...] = (
    (TUNNEL, "newt's tunnel: a node of your Pangolin belongs into pangolin.nodes, not here"),
    (CLIENTS, "newt's hole punching: for clients, which need newt.clients: true, not an entry"),
    (PING, "perhaps newt's ping of a node: one of your Pangolin belongs into pangolin.nodes"),
)


class Advice(enum.Enum):
    """``ALLOWED``: the stack file allows it now."""

    OFFERED = "offered"
    DOUBTED = "doubted"
    NEVER = "never"
    ALLOWED = "allowed"


@dataclass(frozen=True, kw_only=True)
class RefusedTarget:
    """Attempts at one destination that belong into one entry. ``reason`` is empty where nothing
    speaks against it.
    """

    attempts: tuple[Attempt, ...]
    advice: Advice
    reason: str = ""

    @property
    def destination(self) -> Address | Pods:
        return self.attempts[0].destination

    @property
    def protocol(self) -> Protocol:
        return self.attempts[0].protocol

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(sorted({attempt.port for attempt in self.attempts}))

    @property
    def packets(self) -> int:
        return sum(attempt.packets for attempt in self.attempts)

    @property
    def at_least(self) -> bool:
        return any(attempt.at_least for attempt in self.attempts)

    @property
    def ago(self) -> int:
        """Seconds since the last attempt."""
        return min(attempt.ago for attempt in self.attempts)


Assessment = tuple[Advice, str]
OFFERED: Assessment = (Advice.OFFERED, "")


def grouped(
    attempts: Iterable[Attempt], verdict_on: Callable[[Attempt], Assessment]
) -> list[RefusedTarget]:
    """One ``RefusedTarget`` per destination, protocol and verdict; those tried last come first."""
    groups: dict[tuple[str, Protocol, Assessment], list[Attempt]] = {}
    for attempt in attempts:
        key = (str(attempt.destination), attempt.protocol, verdict_on(attempt))
        groups.setdefault(key, []).append(attempt)
    found = [
        RefusedTarget(attempts=tuple(group), advice=advice, reason=reason)
        for (_, _, (advice, reason)), group in groups.items()
    ]
    return sorted(map(_scans_doubted, found), key=lambda target: target.ago)


def _scans_doubted(target: RefusedTarget) -> RefusedTarget:
    if target.advice is not Advice.OFFERED or len(target.ports) <= _MANY_PORTS:
        return target
    reason = f"{len(target.ports)} ports of it were tried, like in a port scan"
    return replace(target, advice=Advice.DOUBTED, reason=reason)


@dataclass(frozen=True, kw_only=True)
class DockerHost:
    """Judges what newt tried from its network on a Docker host. ``resolution`` holds the host's own
    answers for the names in the policy; ``ssh_port`` is the port of its own SSH server.
    """

    policy: Policy
    cage: Cage
    ssh_port: int
    resolution: Resolution

    def verdict_on(self, attempt: Attempt) -> Assessment:
        address = attempt.destination
        if not isinstance(address, IPv4Address):
            raise TypeError(f"{address}: a Docker host remembers IPv4 addresses only")
        if decide(self.policy, self.cage, self._packet(address, attempt), self.resolution).allowed:
            return Advice.ALLOWED, "the stack file allows it now"
        never = next(self._never(address, attempt), None)
        if never is not None:
            return Advice.NEVER, never
        doubt = next(self._doubts(address, attempt), None)
        return OFFERED if doubt is None else (Advice.DOUBTED, doubt)

    def _packet(self, address: IPv4Address, attempt: Attempt) -> Packet:
        return Packet(
            direction=Direction.FROM_NEWT,
            source=self.cage.newt,
            destination=address,
            protocol=attempt.protocol.value,
            port=attempt.port,
        )

    def _never(self, address: IPv4Address, attempt: Attempt) -> Iterator[str]:
        for rule in self.policy.forbidden:
            if self._is_at(rule, address) and has_port(rule.protocol, rule.numbers, attempt):
                yield f"mustNotReach {rule.name}"
        if address in self.cage.subnet:
            yield "NEWT'S OWN NETWORK: a machine there can attack newt, and newt can attack it"
        yield from no_target(attempt)
        if address == self.cage.host and attempt.port == self.ssh_port:
            yield "is the Docker host's own SSH"

    def _doubts(self, address: IPv4Address, attempt: Attempt) -> Iterator[str]:
        if address == self.cage.host:
            yield (
                "THE DOCKER HOST ITSELF: only for a port that a container publishes, never for "
                "a service of the host"
            )
        for rule in self.policy.forbidden:
            if self._is_at(rule, address):
                yield f"the machine of mustNotReach {rule.name}"
        if address in self.policy.resolvers:
            yield "a resolver, at another port than that of DNS"
        yield from outside(address, attempt)

    def _is_at(self, rule: Rule, address: IPv4Address) -> bool:
        if isinstance(rule.destination, IPv4Network):
            return address in rule.destination
        return isinstance(rule.destination, str) and address in self.resolution.get(
            rule.destination, ()
        )


def no_target(attempt: Attempt) -> Iterator[str]:
    """Return why an address can be no target on any platform, else None."""
    address = attempt.destination
    if isinstance(address, IPv4Address):
        yield from (text for block, text in _NEVER if address in block)
    elif address == _METADATA6:
        yield "is where AWS keeps its metadata"
    elif isinstance(address, IPv6Address) and not (address.is_global or is_private(address)):
        yield "is loopback, link-local, multicast or reserved"
    if attempt.port == 0:
        yield "has no port, which no entry can allow"
    if attempt.port in _ASKS_FOR_NAMES:
        yield "is asked for names, and is none of the resolvers in `dns`"


def outside(address: Address, attempt: Attempt) -> Iterator[str]:
    """Yield the doubt about any target on the Internet, and what newt itself does at that port."""
    if is_private(address):
        return
    meant = (f"{text}; " for used, text in _NEWTS_OWN if _is_at_port(used, attempt))
    danger = "ON THE INTERNET: an attacker who controls newt could send your data there"
    yield next(meant, "") + danger


def _is_at_port(used: ProtocolPorts, attempt: Attempt) -> bool:
    return used.ports is not None and has_port(used.protocol, (used.ports,), attempt)


def has_port(protocol: Protocol, ports: Iterable[PortRange], attempt: Attempt) -> bool:
    return protocol.overlaps(attempt.protocol) and any(attempt.port in one for one in ports)
