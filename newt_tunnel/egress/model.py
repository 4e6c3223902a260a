"""The vocabulary of a policy: protocols, ports, destinations, and names of rules.

Shared by every platform; ``rules`` builds the policy from it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import ClassVar, NewType

from newt_tunnel.egress.networks import Address as Address
from newt_tunnel.egress.networks import Network as Network
from newt_tunnel.egress.networks import is_inside, overlap
from newt_tunnel.egress.registry import held_block

#: A DNS name that the Docker host resolves when the rules are loaded, and again at every refresh.
#: For a cluster it is resolved before there is a policy.
HostName = NewType("HostName", str)

DNS_PORT = 53
SSH_PORT = 22
#: Names that rules and probes of our own carry; an entry may not take them, or a report would lie.
DNS_RULE = "dns"
PANGOLIN_RULE = "pangolin"
REPLIES_RULE = "replies"
CANARIES = ("docker-host-ssh", "gateway-ssh", "cloud-metadata", "foreign-resolver")
RESERVED_NAMES = frozenset({DNS_RULE, PANGOLIN_RULE, REPLIES_RULE, *CANARIES})

#: Further names in a cluster. They are separate, so that a name that is free on one platform stays
#: free.
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
    """A policy that must not be rendered. The text names the key, the value and the remedy."""

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


#: Of a query, and of one whose answer is too long for UDP.
DNS_PROTOCOLS = (Protocol.UDP, Protocol.TCP)


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
PORT_LIMITS = f"ports go from {ALL_PORTS.first} to {ALL_PORTS.last}"


@dataclass(frozen=True, order=True)
class PortName:
    """A port that every pod gives a number of its own; ``numbers`` are those that were seen."""

    name: str
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(map(str, self.numbers))})" if self.numbers else self.name


Labels = tuple[tuple[str, str], ...]


def labels_text(labels: Labels) -> str:
    """Return labels as ``kubectl --selector`` takes them."""
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
    """A block with holes: ``excluded`` lists what it must never cover."""

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


@dataclass(frozen=True, order=True)
class Container:
    """A container on newt's network of services: its name, or a Compose service, all replicas of
    it, as PROJECT/SERVICE. The Docker host looks up the addresses.
    """

    #: No host name has a colon.
    PREFIX: ClassVar[str] = "container:"

    name: str

    @property
    def key(self) -> HostName:
        """What its addresses are found under."""
        return HostName(f"{self.PREFIX}{self.name}")

    def __str__(self) -> str:
        return f"container {self.name}"


Destination = Network | HostName | Pods | WideBlock | Container


def destination_text(destination: Destination) -> str:
    """A single address without its /32, as a user writes it."""
    if (
        isinstance(destination, IPv4Network | IPv6Network)
        and destination.prefixlen == destination.max_prefixlen
    ):
        return str(destination.network_address)
    return str(destination)


def destinations_overlap(one: Destination, other: Destination) -> bool:
    """Whether one packet may match both. Two names overlap only when they are the same name."""
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
