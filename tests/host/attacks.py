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
    ROUTER,
)

NAS_V6, POSTGRES_V6, OUTSIDER_V6 = "fd10:1::10", "fd10:1::60", "fd20::66"
NEWT_V6 = "fd30::10"
FOREIGN = "172.30.0.99"  # an address in newt's network that is not newt's
LAN_ADDRESS, MADE_UP = "10.0.1.77", "192.0.2.7"  # nobody's
DOCKER0, JELLYFIN = "172.17.0.1", "172.17.0.2"
METADATA, FOREIGN_RESOLVER = "169.254.169.254", "9.9.9.9"
WORKSTATION = "10.0.1.20"
MULTICAST, BROADCAST, SUBNET_BROADCAST = "224.0.0.1", "255.255.255.255", "172.30.0.255"
GRE, SCTP = 47, 132

# Where an attack shows itself: at a service, on the wire behind the NAS, in the log of the other
# container, or in what newt hears.
SERVICE, WIRE, CONTAINER, ANSWER = "service", "wire", "container", "answer"


@dataclass(frozen=True)
class Attack:
    """`at` is the machine whose service writes it down, where it is a service that does."""

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
    return Attack(name, "tcp", address, port, at, SERVICE if at else WIRE, details)


def _udp(name: str, address: str, port: int, at: str = "", **details: Any) -> Attack:
    return Attack(name, "udp", address, port, at, SERVICE if at else WIRE, details)


def _raw(name: str, address: str, port: int, payload: str, at: str = "", **details: Any) -> Attack:
    details = {"source": NEWT, "payload": payload, **details}
    return Attack(name, "raw", address, port, at, SERVICE if at else WIRE, details)


def _frame(name: str, address: str, port: int, kind: int, source: str, at: str = "") -> Attack:
    details = {"ethertype": kind, "source": source, "bridge": "{bridge}"}
    return Attack(name, "frame", address, port, at, SERVICE if at else WIRE, details)


ATTACKS = (
    # the LAN
    _tcp("a LAN service", POSTGRES, 5432, "postgres"),
    _tcp("a LAN service that is not listed", HOMEASSISTANT, 8123, "homeassistant"),
    _tcp("another LAN service that is not listed", PRINTER, 631, "printer"),
    _tcp("the router's web page", ROUTER, 80, "router"),
    _tcp("the router's ssh", ROUTER, 22, "router"),
    _udp("a LAN service over UDP", POSTGRES, 5432, "postgres"),
    _udp("a LAN service over UDP, in fragments", POSTGRES, 5432, "postgres", size=4000),
    Attack("another port of a listed address", "tcp", GITEA, 22, shows=ANSWER),
    # the Docker host itself, by every address it has
    _tcp("the host's web UI", NAS, 5000, "nas"),
    Attack("the host's ssh", "tcp", NAS, 22, shows=ANSWER),
    _tcp("the host's web UI at the gateway address", GATEWAY, 5000, "nas"),
    _tcp("the host's web UI at another bridge's address", DOCKER0, 5000, "nas"),
    _udp("the host over UDP", NAS, 5001, "nas"),
    _udp("the gateway address over UDP", GATEWAY, 5001, "nas"),
    # other containers
    Attack("a published port at the host's address", "tcp", NAS, 8096, shows=CONTAINER),
    Attack("a published port at the gateway address", "tcp", GATEWAY, 8096, shows=CONTAINER),
    # outside
    _tcp("an outsider", OUTSIDER, 443, "outsider"),
    _tcp("an outsider at another port", OUTSIDER, 8000, "outsider"),
    _udp("an outsider over UDP", OUTSIDER, 443, "outsider"),
    _tcp("an outsider's resolver over TCP", OUTSIDER, 53, "outsider"),
    _udp("an outsider's resolver", OUTSIDER, 53, "outsider"),
    _udp("a public resolver", FOREIGN_RESOLVER, 53),
    Attack("another port of Pangolin", "tcp", PANGOLIN, 80, shows=ANSWER),
    _tcp("the metadata address", METADATA, 80),
    # other protocols
    Attack("a ping to the LAN", "ping", POSTGRES, shows=ANSWER),
    Attack("a ping to the host", "ping", NAS, shows=ANSWER),
    Attack("a ping to the gateway", "ping", GATEWAY, shows=ANSWER),
    Attack("a ping to an outsider", "ping", OUTSIDER, shows=ANSWER),
    Attack("a ping to a listed address", "ping", GITEA, shows=ANSWER),
    _raw("a GRE packet", OUTSIDER, 0, str(GRE)),
    _raw("an SCTP packet", POSTGRES, 0, str(SCTP)),
    _raw("a TCP packet out of nowhere", POSTGRES, 5432, "tcp-ack"),
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
    _tcp("a conversation from a foreign source", GITEA, 3000, "gitea", source=FOREIGN),
    _tcp("a conversation with the host from a foreign source", NAS, 5000, "nas", source=FOREIGN),
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
