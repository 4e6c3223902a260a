"""Where the policy is enforced on a Docker host: the bridge, newt's address, and the arrangement of
the rules.

Pure values: what a renderer needs in addition to the policy.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from newt_tunnel.egress.instance import Instance


class Firewall(enum.Enum):
    """The kernel interface that holds the rules."""

    IPTABLES = "iptables"
    NFTABLES = "nftables"


class Hook(enum.Enum):
    """Where iptables looks at newt's packets.

    ``PREROUTING`` sees forwarded and host-bound packets alike, before DNAT, in a table Docker never
    touches. ``DOCKER_USER`` is the blog post's place; ``egress.limits`` lists what it cannot stop.
    """

    PREROUTING = "prerouting"
    DOCKER_USER = "docker-user"


#: iptables evaluates one rule after the other: what 100 targets cost is measured in
#: docs/evidence.md; at 1000 a connect costs 84 us. nftables' sets stay flat at 5000.
IPTABLES_CHEAP_TARGETS = 100
IPTABLES_COST = "13 % on a connection and 8 % of the throughput"
IPTABLES_MAX_TARGETS = 500

#: How many refused targets the kernel remembers, for TCP and for UDP each, and for how long after
#: the last try. A full table keeps its entries and ignores new ones, so a flood costs no memory.
REMEMBERED_DROPS = 256
REMEMBERED_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, kw_only=True)
class ServiceNetwork:
    """The network on which newt reaches containers by name: ``internal``, so no route leads out.
    ``newt`` is newt's address there, ``gateway`` the bridge's. ``attach``: the host puts the
    allowed containers on it.
    """

    network: str
    bridge: str
    subnet: IPv4Network
    gateway: IPv4Address
    newt: IPv4Address
    attach: bool = False


@dataclass(frozen=True, kw_only=True)
class Cage:
    """newt's network on the Docker host, and what its rules are called; ``gateway`` is the bridge's
    own address in ``subnet``.

    ``log_drops`` has the kernel remember the targets that newt was refused. ``services`` is newt's
    second network, where the stack file lists containers.
    """

    instance: Instance
    bridge: str
    subnet: IPv4Network
    gateway: IPv4Address
    newt: IPv4Address
    host: IPv4Address
    firewall: Firewall
    hook: Hook = Hook.PREROUTING
    log_drops: bool = False
    services: ServiceNetwork | None = None
