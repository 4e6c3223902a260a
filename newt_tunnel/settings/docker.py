"""``docker``: the Docker host, how it is reached, and how newt is caged there."""

from __future__ import annotations

import enum
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from newt_tunnel.egress.cage import (
    IPTABLES_CHEAP_TARGETS,
    IPTABLES_MAX_TARGETS,
    Firewall,
    Hook,
)
from newt_tunnel.egress.free_subnet import DEFAULT_SUBNET
from newt_tunnel.egress.instance import LONGEST, SHAPE
from newt_tunnel.egress.model import SSH_PORT
from newt_tunnel.settings import hostkey
from newt_tunnel.settings.docker_types import (
    DEFAULT_SERVICES,
    DockerName,
    ServicesSubnet,
    Subnet,
)
from newt_tunnel.settings.errors import WhenMissing, refuse
from newt_tunnel.settings.section import Section
from newt_tunnel.settings.types import (
    LONGEST_BRIDGE,
    BridgeName,
    Port,
    Switch,
    UserName,
    V4Address,
    choice,
    pattern,
)

#: Its cost does not depend on the number of targets.
USUAL_FIREWALL = Firewall.NFTABLES
InstanceName = Annotated[
    str,
    *pattern(
        SHAPE,
        f"is not the name of an instance; use up to {LONGEST} lower-case letters, digits and `-`, "
        "a letter first, like home",
        "name",
    ),
]
#: Docker's name for the network that newt is alone on, where the instance has no name.
NETWORK = "newt"
#: newt's number in its subnet when no address is written.
_USUAL_PLACE = 10


class Persistence(enum.Enum):
    """What loads the rules when the host restarts."""

    SYSTEMD = "systemd"
    CRON = "cron"
    NETFILTER_PERSISTENT = "netfilter-persistent"
    NONE = "none"


def _newt_in(data: dict[str, Any]) -> IPv4Address:
    subnet: IPv4Network = data["subnet"]
    return subnet[_USUAL_PLACE] if subnet.num_addresses > _USUAL_PLACE + 1 else subnet[-2]


def _bridge_of(data: dict[str, Any]) -> str:
    return f"br-{data.get('instance') or 'newt'}"[:LONGEST_BRIDGE]


class Services(Section):
    """newt's second network, on which it reaches containers by name."""

    network: DockerName = Field(
        default="newt-services",
        description="Name of the network that newt shares with the listed containers. Made by the "
        "stack, `internal`: it leads nowhere else. A container joins it in its compose file.",
    )
    subnet: ServicesSubnet = Field(
        default=DEFAULT_SERVICES,
        description="Its subnet. Docker gives containers addresses of the lower half; newt has the "
        "last one.",
    )
    bridge: BridgeName = Field(
        default="br-newt-svc", description="Name of its bridge, up to 15 characters."
    )
    attach: Switch = Field(
        default=False,
        description="Have the Docker host put the containers of `egress` on that network, and "
        "again when they are recreated, so that no compose file has to name it.",
    )

    @property
    def gateway(self) -> IPv4Address:
        """The bridge's own address, the first of the subnet."""
        return gateway(self.subnet)

    @property
    def newt(self) -> IPv4Address:
        """newt's address: outside of what Docker gives to others."""
        return self.subnet[-2]


class Docker(Section):
    """A Docker host, reached over SSH."""

    # connection
    address: Annotated[
        V4Address, WhenMissing("write the Docker host's own address, like 10.0.1.10")
    ] = Field(
        description="Address of the Docker host, for SSH. Not a name, because the rules contain it."
    )
    port: Port = Field(default=SSH_PORT, description="SSH port of the host.")
    user: UserName = Field(
        default="root", description="User who logs in. Needs Docker, and root or `sudo`."
    )
    host_key: Annotated[
        hostkey.HostKey, WhenMissing(f"without it any host would be trusted; {hostkey.HELP}")
    ] = Field(
        description="Public SSH host key, `ssh-ed25519 AAAA...`. Without it any host would be "
        "trusted."
    )
    sudo: Switch = Field(
        default=False,
        description="Load the firewall with `sudo`, which must not ask for a password.",
    )

    # several newts on one host
    instance: InstanceName | None = Field(
        default=None,
        description="What tells this newt from others on the same host, in the names of its rules, "
        "bridge, network, container and units; up to 15 characters. Omitted: the stack's name for "
        "the rules and units, and `br-newt`, `newt` and `newt-tunnel`, which one newt of a host "
        "can have.",
    )

    # newt's network
    subnet: Subnet = Field(
        default=DEFAULT_SUBNET, description="Subnet of newt's own network. Nothing else may use it."
    )
    newt_address: V4Address = Field(
        default_factory=_newt_in,
        description=f"newt's fixed address in `subnet`. Omitted: number {_USUAL_PLACE} of it "
        "(172.30.0.10).",
    )
    bridge: BridgeName = Field(
        default_factory=_bridge_of,
        description="Name of newt's bridge, up to 15 characters. Omitted: `br-newt`, or `br-` and "
        "`instance`.",
    )

    services: Services = Field(
        default=Services(),
        description="newt's second network; it exists when an entry names a `container`.",
    )

    # firewall
    firewall: Annotated[Firewall, *choice(Firewall)] | None = Field(
        default=None,
        description=f"Firewall that holds the rules. Omitted: `{USUAL_FIREWALL.value}`, or "
        "`iptables` with `hook: docker-user`; a host that has this stack's rules in iptables keeps "
        "them there. iptables is for hosts without nft: it slows newt down above "
        f"{IPTABLES_CHEAP_TARGETS} targets and takes at most {IPTABLES_MAX_TARGETS}.",
    )
    hook: Annotated[Hook, *choice(Hook)] = Field(
        default=Hook.PREROUTING,
        description="Where the rules are. `docker-user` is the chain that the blog post uses "
        "(iptables only); it stops less.",
    )
    persistence: Annotated[Persistence, *choice(Persistence)] = Field(
        default=Persistence.SYSTEMD, description="What loads the rules when the host restarts."
    )
    log_drops: Switch = Field(
        default=False,
        description="Record for a day what newt was refused, for `newt-egress status` and `make "
        "suggest`: up to 256 targets for TCP and for UDP each.",
    )

    @field_validator("newt_address")
    @classmethod
    def _is_free_in_subnet(cls, value: IPv4Address, info: ValidationInfo) -> IPv4Address:
        subnet: IPv4Network | None = info.data.get("subnet")
        if subnet is None:
            return value
        usual = f"write one inside it, like {_newt_in(info.data)}"
        if value not in subnet:
            raise refuse(f"is outside docker.subnet {subnet}; {usual}")
        if value == gateway(subnet):
            raise refuse(f"is the gateway of docker.subnet {subnet}; {usual}")
        if value in (subnet.network_address, subnet.broadcast_address):
            raise refuse(f"is the network or broadcast address of docker.subnet {subnet}; {usual}")
        return value

    @field_validator("hook")
    @classmethod
    def _suits_firewall(cls, value: Hook, info: ValidationInfo) -> Hook:
        if value is Hook.DOCKER_USER and info.data.get("firewall") is Firewall.NFTABLES:
            raise refuse(
                "is a chain of iptables, and docker.firewall is nftables; write hook: prerouting "
                "or firewall: iptables"
            )
        return value

    @field_validator("log_drops")
    @classmethod
    def _sees_what_newt_dials(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("hook") is Hook.DOCKER_USER:
            raise refuse(
                "would record other targets than newt dials, because docker.hook docker-user "
                "comes after Docker's address translation; write hook: prerouting"
            )
        return value

    @property
    def firewall_in_file(self) -> Firewall | None:
        """The firewall that follows from the stack file; None leaves it to the host's record."""
        return implied_firewall(self.firewall, self.hook)

    @property
    def gateway(self) -> IPv4Address:
        """The bridge's own address, the first of the subnet."""
        return gateway(self.subnet)


def implied_firewall(written: Firewall | None, hook: Hook | None) -> Firewall | None:
    return Firewall.IPTABLES if written is None and hook is Hook.DOCKER_USER else written


def gateway(subnet: IPv4Network) -> IPv4Address:
    return subnet[1]
