"""What newt may reach: the one policy model behind every renderer, the proof and the report.

Owns the vocabulary (protocol, port range, rule, policy) and the invariants that hold on every
platform. Leaves out how a policy is enforced (``iptables``, ``nftables``) and how a user writes it
(``settings``): a rule here is already validated, named and free of defaults.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import NewType

#: A DNS name that the Docker host resolves when the rules are loaded, and again at every refresh.
HostName = NewType("HostName", str)
Destination = IPv4Network | HostName

DNS_PORT = 53
#: Names that rules and probes of our own carry; an entry may not take them, or a report would lie.
DNS_RULE = "dns"
PANGOLIN_RULE = "pangolin"
REPLIES_RULE = "replies"
CANARIES = ("docker-host-ssh", "gateway-ssh", "cloud-metadata", "foreign-resolver")
RESERVED_NAMES = frozenset({DNS_RULE, PANGOLIN_RULE, REPLIES_RULE, *CANARIES})

EVERYWHERE = IPv4Network("0.0.0.0/0")


class PolicyError(ValueError):
    """A policy that must not be rendered: the text names the key, the value and the remedy."""

    def __init__(self, key: str, value: object, remedy: str) -> None:
        super().__init__(f"{key}: {value}: {remedy}")
        self.key = key
        self.value = value
        self.remedy = remedy


class Protocol(enum.Enum):
    """Transport of a rule. ``ANY`` is every IP protocol, and then a rule has no ports."""

    TCP = "tcp"
    UDP = "udp"
    ANY = "any"

    def overlaps(self, other: Protocol) -> bool:
        return self is other or Protocol.ANY in (self, other)


@dataclass(frozen=True, order=True)
class PortRange:
    """Ports ``first`` to ``last``, both included, 1 to 65535."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last <= 65535:
            raise PolicyError("port", self, "write a port from 1 to 65535, or a range low-high")

    @classmethod
    def single(cls, port: int) -> PortRange:
        return cls(port, port)

    @property
    def is_single(self) -> bool:
        return self.first == self.last

    def overlaps(self, other: PortRange) -> bool:
        return self.first <= other.last and other.first <= self.last

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.is_single else f"{self.first}-{self.last}"


ALL_PORTS = PortRange(1, 65535)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing newt may reach (or, under ``Policy.forbidden``, must never reach).

    ``name`` reappears in whatever the rule renders. ``origin`` is the key of the stack file it
    comes from (``egress[2]``, ``dns``, ``pangolin.ports``), so that a report can point back.
    """

    name: str
    destination: Destination
    protocol: Protocol
    ports: tuple[PortRange, ...]
    origin: str

    def __post_init__(self) -> None:
        if (self.protocol is Protocol.ANY) != (not self.ports):
            raise PolicyError(
                self.origin, self.name, "ports belong to TCP or UDP, and only to them"
            )

    @property
    def sort_key(self) -> tuple[str, str, str, tuple[PortRange, ...]]:
        """Order of rendering, whatever the order in the stack file, so that diffs stay small."""
        return (self.name, str(self.destination), self.protocol.value, self.ports)

    @property
    def ports_text(self) -> str:
        return ",".join(str(ports) for ports in self.ports) or "all"

    def overlaps(self, other: Rule) -> bool:
        """Whether some packet matches both. Two names overlap only when they are the same name."""
        return (
            _destinations_overlap(self.destination, other.destination)
            and self.protocol.overlaps(other.protocol)
            and _ports_overlap(self.ports, other.ports)
        )

    def __str__(self) -> str:
        where = f"{destination_text(self.destination)} {self.ports_text}/{self.protocol.value}"
        return f"{self.name} ({where})"


def destination_text(destination: Destination) -> str:
    """A single address without its /32, as a user writes it."""
    if isinstance(destination, IPv4Network) and destination.prefixlen == destination.max_prefixlen:
        return str(destination.network_address)
    return str(destination)


def _destinations_overlap(one: Destination, other: Destination) -> bool:
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.overlaps(other)
    return one == other


def _ports_overlap(some: Iterable[PortRange], others: Iterable[PortRange]) -> bool:
    others = tuple(others) or (ALL_PORTS,)
    return any(one.overlaps(other) for one in tuple(some) or (ALL_PORTS,) for other in others)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """All that newt may reach, and what the proof tries to show it cannot.

    ``resolvers`` are the DNS servers newt may ask, ``endpoint`` is the Pangolin host name when its
    addresses are left to resolution (it may then resolve to public unicast addresses only), else
    None.

    Raises ``PolicyError`` when an allowed rule and a forbidden one overlap, naming both.
    """

    allowed: tuple[Rule, ...]
    forbidden: tuple[Rule, ...]
    resolvers: tuple[IPv4Address, ...]
    endpoint: HostName | None

    def __post_init__(self) -> None:
        for forbidden in self.forbidden:
            for allowed in self.allowed:
                if allowed.overlaps(forbidden):
                    raise PolicyError(
                        forbidden.origin,
                        str(forbidden),
                        f"overlaps with {allowed.origin}: {allowed}, which newt may reach; "
                        "narrow the one or remove the other",
                    )

    @property
    def sorted_rules(self) -> tuple[Rule, ...]:
        return tuple(sorted(self.allowed, key=lambda rule: rule.sort_key))

    @property
    def host_names(self) -> tuple[HostName, ...]:
        """Every name in the policy, allowed and forbidden, endpoint included, sorted, once each."""
        names = {
            rule.destination
            for rule in (*self.allowed, *self.forbidden)
            if not isinstance(rule.destination, IPv4Network)
        }
        return tuple(sorted(names))

    @property
    def target_count(self) -> int:
        """Rules as the kernel sees them: one per address and port range."""
        return sum(max(1, len(rule.ports)) for rule in self.allowed)
