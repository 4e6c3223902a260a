"""The attacks that are tried from newt's network namespace, and where each would arrive.

Every one of them arrives when there are no rules; that is tested too, so that none is a blank.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.host.attacker import ETHERTYPE_IPV6, ETHERTYPE_VLAN
from tests.host.rig import (
    GATEWAY,
    GITEA,
    HOMEASSISTANT,
    NAS,
    NEWT,
    OUTSIDER,
    PANGOLIN,
    POSTGRES,
    PRINTER,
    RESOLVER,
    ROUTER,
)

NAS_V6, POSTGRES_V6, OUTSIDER_V6 = "fd10:1::10", "fd10:1::60", "fd20::66"
NEWT_V6 = "fd30::10"
FOREIGN = "172.30.0.99"  # an address in newt's network that is not newt's
LAN_ADDRESS, MADE_UP = "10.0.1.77", "192.0.2.7"  # nobody's
DOCKER0 = "172.17.0.1"
METADATA, FOREIGN_RESOLVER = "169.254.169.254", "9.9.9.9"
WORKSTATION = "10.0.1.20"
MULTICAST, BROADCAST, SUBNET_BROADCAST = "224.0.0.1", "255.255.255.255", "172.30.0.255"
IPIP, GRE, ESP, SCTP, UDP_LITE = 4, 47, 50, 132, 136
DNS_PORT, DOT_PORT = 53, 853
#: Another container's, on a network of its own, and one on newt's own network.
NEIGHBOUR_PORT, PEER, PEER_PORT = 8097, "172.30.0.77", 8096

# Where an attack shows itself: at a service; on the wire behind the NAS; in what the NAS's kernel
# takes for its own; at the interface of another container.
SERVICE, WIRE, LOCAL, CONTAINER = "service", "wire", "local", "container"
JELLYFIN, NEIGHBOUR, PEER_CONTAINER = "jellyfin", "neighbour", "peer"


@dataclass(frozen=True)
class Attack:
    """`at` is the machine whose service writes it down, or the container that it arrives at."""

    name: str
    kind: str
    address: str
    port: int = 0
    at: str = ""
    shows: str = SERVICE
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def order(self, token: str, facts: dict[str, str]) -> dict[str, Any]:
        """What the attacker is told; a name in braces is replaced by a fact found out only now."""
        order = {"name": self.name, "kind": self.kind, "address": self.address, "port": self.port}
        order |= self.details | {"token": token}
        return {
            key: value.format(**facts) if isinstance(value, str) else value
            for key, value in order.items()
        }


def _tcp(name: str, address: str, port: int, at: str = "", **details: Any) -> Attack:
    return Attack(name, "tcp", address, port, *_evidence(at), details)


def _udp(name: str, address: str, port: int, at: str = "", **details: Any) -> Attack:
    return Attack(name, "udp", address, port, *_evidence(at), details)


def _ping(name: str, address: str, at: str = "") -> Attack:
    return Attack(name, "ping", address, 0, *_evidence(at))


def _raw(name: str, address: str, port: int, payload: str, at: str = "", **details: Any) -> Attack:
    details = {"source": NEWT, "payload": payload, **details}
    return Attack(name, "raw", address, port, *_evidence(at), details)


def _frame(name: str, address: str, port: int, kind: int, source: str, at: str = "") -> Attack:
    details = {"ethertype": kind, "source": source, "bridge": "{bridge}"}
    return Attack(name, "frame", address, port, *_evidence(at), details)


def _evidence(at: str) -> tuple[str, str]:
    if at in (JELLYFIN, NEIGHBOUR, PEER_CONTAINER):
        return at, CONTAINER
    if at == LOCAL:
        return "", LOCAL
    return at, SERVICE if at else WIRE


ATTACKS = (
    # the LAN
    _tcp("a LAN service", POSTGRES, 5432, "postgres"),
    _tcp("a LAN service that is not listed", HOMEASSISTANT, 8123, "homeassistant"),
    _tcp("another LAN service that is not listed", PRINTER, 631, "printer"),
    _tcp("the router's web page", ROUTER, 80, "router"),
    _tcp("the router's ssh", ROUTER, 22, "router"),
    _udp("a LAN service over UDP", POSTGRES, 5432, "postgres"),
    _udp("a LAN service over UDP, in fragments", POSTGRES, 5432, "postgres", size=4000),
    _raw("a LAN service in fragments of eight bytes", POSTGRES, 5432, "udp", "postgres", split=8),
    _tcp("another port of a listed address", GITEA, 22),
    # the Docker host itself, by every address and protocol it has
    _tcp("the host's web UI", NAS, 5000, "nas"),
    _tcp("the host's ssh", NAS, 22, LOCAL),
    _tcp("the host's web UI at the gateway address", GATEWAY, 5000, "nas"),
    _tcp("the host's ssh at the gateway address", GATEWAY, 22, LOCAL),
    _tcp("the host's web UI at another bridge's address", DOCKER0, 5000, "nas"),
    _udp("the host over UDP", NAS, 5001, "nas"),
    _udp("the gateway address over UDP", GATEWAY, 5001, "nas"),
    _udp("another bridge's address over UDP", DOCKER0, 5001, "nas"),
    _raw("a GRE packet to the host", NAS, 0, str(GRE), LOCAL),
    _raw("an SCTP packet to the host", NAS, 0, str(SCTP), LOCAL),
    _raw("a packet in a packet to the host", NAS, 0, str(IPIP), LOCAL),
    # other containers
    _tcp("a published port at the host's address", NAS, 8096, JELLYFIN),
    _tcp("a published port at the gateway address", GATEWAY, 8096, JELLYFIN),
    _tcp("a published port at another bridge's address", DOCKER0, 8096, JELLYFIN),
    _tcp("a published port of another network", NAS, NEIGHBOUR_PORT, NEIGHBOUR),
    # outside
    _tcp("an outsider", OUTSIDER, 443, "outsider"),
    _tcp("an outsider at another port", OUTSIDER, 8000, "outsider"),
    _udp("an outsider over UDP", OUTSIDER, 443, "outsider"),
    _tcp("another port of Pangolin", PANGOLIN, 80),
    _tcp("the metadata address", METADATA, 80),
    # questions to resolvers
    _tcp("an outsider's resolver over TCP", OUTSIDER, DNS_PORT, "outsider"),
    _udp("an outsider's resolver", OUTSIDER, DNS_PORT, "outsider"),
    _udp("a public resolver", FOREIGN_RESOLVER, DNS_PORT),
    _tcp("a public resolver over TLS", FOREIGN_RESOLVER, DOT_PORT),
    _tcp("a public resolver over HTTPS", FOREIGN_RESOLVER, 443),
    _udp("a public resolver over QUIC", FOREIGN_RESOLVER, DOT_PORT),
    _tcp("the listed resolver over TLS", RESOLVER, DOT_PORT),
    # other protocols
    _ping("a ping to the LAN", POSTGRES),
    _ping("a ping to the host", NAS, LOCAL),
    _ping("a ping to the gateway", GATEWAY, LOCAL),
    _ping("a ping to an outsider, with something in it", OUTSIDER),
    _ping("a ping to a listed address", GITEA),
    _raw("a GRE packet", OUTSIDER, 0, str(GRE)),
    _raw("an SCTP packet", POSTGRES, 0, str(SCTP)),
    _raw("an ESP packet", OUTSIDER, 0, str(ESP)),
    _raw("a UDP-Lite packet", OUTSIDER, 0, str(UDP_LITE)),
    _raw("a packet in a packet", OUTSIDER, 0, str(IPIP)),
    _raw("a protocol without a name", OUTSIDER, 0, "253"),
    # what pretends to be an answer
    _raw("a TCP packet out of nowhere", POSTGRES, 5432, "tcp-ack"),
    _raw("an answer to a connection that nobody opened", OUTSIDER, 443, "tcp-syn-ack"),
    _raw("a reset that nobody asked for", OUTSIDER, 443, "tcp-rst"),
    _raw("a resolver's answer to nobody", OUTSIDER, 8000, "udp", "outsider", own=DNS_PORT),
    _raw("an echo that nobody asked for", OUTSIDER, 0, "echo-reply"),
    _raw(
        "an ICMP error about somebody's connection",
        *(WORKSTATION, 0, "icmp-error"),
        host=NAS,
        quoted_from="{workstation_port}",
        quoted_to=5000,
    ),
    # foreign sources
    _raw("a foreign source to a listed target", GITEA, 3000, "udp", "gitea", source=FOREIGN),
    _raw("a foreign source to the LAN", POSTGRES, 5432, "udp", "postgres", source=FOREIGN),
    _raw("a LAN source to a listed target", GITEA, 3000, "udp", "gitea", source=LAN_ADDRESS),
    _raw("a made-up source to a listed target", GITEA, 3000, "udp", "gitea", source=MADE_UP),
    _raw("a foreign source to the host", NAS, 5001, "udp", "nas", source=FOREIGN),
    _tcp("a conversation from an address added by hand", GITEA, 3000, "gitea", source=FOREIGN),
    _tcp(
        "a conversation with the host from an address added by hand",
        *(NAS, 5000, "nas"),
        source=FOREIGN,
    ),
    # one to many
    _udp("a broadcast", BROADCAST, 5001, "nas"),
    _udp("a broadcast to the subnet", SUBNET_BROADCAST, 5001, "nas"),
    _udp("a multicast", MULTICAST, 5001, "nas"),
    # IPv6, and frames of newt's own making
    _tcp("the host's web UI over IPv6", NAS_V6, 5000, "nas"),
    _tcp("the host's web UI at its link-local address", "{link}%eth0", 5000, "nas"),
    _tcp("the LAN over IPv6", POSTGRES_V6, 5432),
    _udp("an outsider over IPv6", OUTSIDER_V6, 8000, "outsider"),
    _frame(
        "a raw IPv6 frame to an outsider", OUTSIDER_V6, 8000, ETHERTYPE_IPV6, NEWT_V6, "outsider"
    ),
    _frame(
        "a raw IPv6 frame from elsewhere", OUTSIDER_V6, 8000, ETHERTYPE_IPV6, "fd99::1", "outsider"
    ),
    _frame("a frame with a VLAN tag to the host", NAS, 5001, ETHERTYPE_VLAN, NEWT, "nas"),
    _frame("a frame with a VLAN tag to the LAN", POSTGRES, 5432, ETHERTYPE_VLAN, NEWT, "postgres"),
)
#: What somebody else's container on newt's own network hears; Docker's stack puts newt there alone.
PEER_ATTACKS = (
    _tcp("a container on newt's own network", PEER, PEER_PORT, PEER_CONTAINER),
    _udp("a container on newt's own network, over UDP", PEER, PEER_PORT, PEER_CONTAINER),
)
ERROR_ABOUT_PANGOLIN = _raw(
    "an ICMP error about somebody's connection to Pangolin",
    *(WORKSTATION, 0, "icmp-error"),
    host=PANGOLIN,
    quoted_from="{through_port}",
    quoted_to=443,
)
EVERY = (*ATTACKS, *PEER_ATTACKS, ERROR_ABOUT_PANGOLIN)
