"""What newt may reach: the one policy model behind every renderer, the proof and the report.

Owns the vocabulary (protocol, port range, rule, policy) and the invariants that hold on every
platform. Leaves out how a policy is enforced (``iptables``, ``nftables``) and how a user writes it
(``settings``): a rule here is already validated, named and free of defaults.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NewType

from newt_tunnel.egress.networks import is_inside, overlap
from newt_tunnel.egress.registry import held_block

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: A DNS name that the Docker host resolves when the rules are loaded, and again at every refresh.
#: For a cluster it is resolved before there is a policy.
HostName = NewType("HostName", str)

DNS_PORT = 53
#: Names that rules and probes of our own carry; an entry may not take them, or a report would lie.
DNS_RULE = "dns"
PANGOLIN_RULE = "pangolin"
REPLIES_RULE = "replies"
CANARIES = ("docker-host-ssh", "gateway-ssh", "cloud-metadata", "foreign-resolver")
RESERVED_NAMES = frozenset({DNS_RULE, PANGOLIN_RULE, REPLIES_RULE, *CANARIES})

#: What a cluster adds. Apart from the others, because a name that is free on one platform stays so.
CLUSTER_CANARIES = (
    "kubernetes-api",
    "node-ssh",
    "node-kubelet",
    "cloud-metadata",
    "foreign-resolver",
)
CLUSTER_RESERVED_NAMES = frozenset({DNS_RULE, PANGOLIN_RULE, *CLUSTER_CANARIES})

EVERYWHERE = IPv4Network("0.0.0.0/0")
EVERYWHERE6 = IPv6Network("::/0")


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

    def covers(self, other: PortRange) -> bool:
        return self.first <= other.first and other.last <= self.last

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.is_single else f"{self.first}-{self.last}"


ALL_PORTS = PortRange(1, 65535)


@dataclass(frozen=True, order=True)
class PortName:
    """A port that every pod gives a number of its own; ``numbers`` are those that were seen."""

    name: str
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(map(str, self.numbers))})" if self.numbers else self.name


Labels = tuple[tuple[str, str], ...]


def labels_text(labels: Labels) -> str:
    """As ``kubectl --selector`` takes them."""
    return ",".join(f"{key}={value}" for key, value in labels)


@dataclass(frozen=True, order=True)
class Pods:
    """The pods of one namespace that carry all of ``labels``; without labels every pod there."""

    namespace: str
    labels: Labels = ()

    def overlaps(self, other: Pods) -> bool:
        """Whether one pod may match both: always, unless their labels contradict each other."""
        if self.namespace != other.namespace:
            return False
        theirs = dict(other.labels)
        return all(theirs.get(key, value) == value for key, value in self.labels)

    def __str__(self) -> str:
        return f"{self.namespace}/{labels_text(self.labels) or '*'}"


@dataclass(frozen=True)
class WideBlock:
    """A block with holes: what it must never cover lies in ``excluded``."""

    network: Network
    excluded: tuple[Network, ...]

    def overlaps(self, block: Network) -> bool:
        return overlap(self.network, block) and not any(
            is_inside(block, hole) for hole in self.excluded
        )

    def __contains__(self, address: Address) -> bool:
        return address in self.network and not any(address in hole for hole in self.excluded)

    def __str__(self) -> str:
        return str(self.network)


Destination = Network | HostName | Pods | WideBlock


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing newt may reach (or, under ``Policy.forbidden``, must never reach).

    ``name`` reappears in whatever the rule renders. ``origin`` is the key of the stack file it
    comes from (``egress[2]``, ``dns``, ``pangolin.ports``), so that a report can point back.
    ``reason`` is the user's own remark.
    """

    name: str
    destination: Destination
    protocol: Protocol
    ports: tuple[PortRange, ...]
    origin: str
    port_names: tuple[PortName, ...] = ()
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.protocol is Protocol.ANY) != (not self.ports and not self.port_names):
            raise PolicyError(
                self.origin, self.name, "ports belong to TCP or UDP, and only to them"
            )
        if self.port_names and not isinstance(self.destination, Pods):
            raise PolicyError(
                self.origin, self.name, "only pods have named ports; write the number"
            )

    @property
    def sort_key(self) -> tuple[str, str, str, tuple[PortRange, ...], tuple[PortName, ...]]:
        """Order of rendering, whatever the order in the stack file, so that diffs stay small."""
        return (
            self.name,
            str(self.destination),
            self.protocol.value,
            self.ports,
            self.port_names,
        )

    @property
    def ports_text(self) -> str:
        return ",".join(map(str, (*self.ports, *self.port_names))) or "all"

    @property
    def numbers(self) -> tuple[PortRange, ...]:
        """All port numbers that are known to belong to the rule."""
        named = (PortRange.single(n) for port in self.port_names for n in port.numbers)
        return (ALL_PORTS,) if self.protocol is Protocol.ANY else (*self.ports, *named)

    def overlaps(self, other: Rule) -> bool:
        """Whether some packet matches both. Two names overlap only when they are the same name."""
        return (
            _destinations_overlap(self.destination, other.destination)
            and self.protocol.overlaps(other.protocol)
            and _ports_overlap(self, other)
        )

    def __str__(self) -> str:
        where = f"{destination_text(self.destination)} {self.ports_text}/{self.protocol.value}"
        return f"{self.name} ({where})"


def destination_text(destination: Destination) -> str:
    """A single address without its /32, as a user writes it."""
    if (
        isinstance(destination, IPv4Network | IPv6Network)
        and destination.prefixlen == destination.max_prefixlen
    ):
        return str(destination.network_address)
    return str(destination)


def _destinations_overlap(one: Destination, other: Destination) -> bool:
    match one, other:
        case Pods(), Pods():
            return one.overlaps(other)
        case WideBlock(), WideBlock():
            return one.overlaps(other.network) and other.overlaps(one.network)
        case WideBlock(), IPv4Network() | IPv6Network():
            return one.overlaps(other)
        case IPv4Network() | IPv6Network(), WideBlock():
            return other.overlaps(one)
        case IPv4Network() | IPv6Network(), IPv4Network() | IPv6Network():
            # NAT64 and 6to4 lead to the IPv4 address that an IPv6 one holds.
            return overlap(held_block(one) or one, held_block(other) or other)
        case _:
            return one == other


def _ports_overlap(one: Rule, other: Rule) -> bool:
    return not {named.name for named in one.port_names}.isdisjoint(
        named.name for named in other.port_names
    ) or any(mine.overlaps(theirs) for mine in one.numbers for theirs in other.numbers)


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
    resolvers: tuple[Address, ...]
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
            if isinstance(rule.destination, str)
        }
        return tuple(sorted(names))

    @property
    def target_count(self) -> int:
        """Rules as the kernel sees them: one per address and port range."""
        return sum(max(1, len(rule.ports) + len(rule.port_names)) for rule in self.allowed)
