"""``docker``: the Docker host, how it is reached, and how newt is caged there."""

from __future__ import annotations

import enum
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from newt_tunnel.egress.cage import (
    IPTABLES_CHEAP_TARGETS,
    IPTABLES_MAX_TARGETS,
    Firewall,
    Hook,
)
from newt_tunnel.egress.instance import LONGEST, SHAPE
from newt_tunnel.egress.model import SSH_PORT
from newt_tunnel.egress.networks import is_inside
from newt_tunnel.settings import hostkey, shapes
from newt_tunnel.settings.addresses import PRIVATE
from newt_tunnel.settings.errors import WhenMissing, refuse
from newt_tunnel.settings.families import ON_DOCKER_HOST
from newt_tunnel.settings.section import Section
from newt_tunnel.settings.types import (
    LONGEST_BRIDGE,
    BridgeName,
    Kind,
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
DEFAULT_SUBNET = IPv4Network("172.30.0.0/24")
#: newt's number in its subnet when no address is written.
_USUAL_PLACE = 10
#: Network, gateway, newt, broadcast.
_LONGEST_PREFIX = 30
_SHORTEST_PREFIX = 16


class Persistence(enum.Enum):
    """What loads the rules when the host restarts."""

    SYSTEMD = "systemd"
    CRON = "cron"
    NETFILTER_PERSISTENT = "netfilter-persistent"
    NONE = "none"


def _subnet(value: object) -> IPv4Network:
    subnet = ON_DOCKER_HOST.network(value)
    assert isinstance(subnet, IPv4Network), "IPv6 is refused"
    if not any(is_inside(subnet, block) for block in PRIVATE):
        raise refuse(
            "is not private, so it would hide addresses that belong to others; write one like "
            f"{DEFAULT_SUBNET}"
        )
    if not _SHORTEST_PREFIX <= subnet.prefixlen <= _LONGEST_PREFIX:
        raise refuse(
            "has no useful size; newt's network holds newt and a gateway, write "
            f"/{_SHORTEST_PREFIX} to /{_LONGEST_PREFIX}"
        )
    return subnet


def _newt_in(data: dict[str, Any]) -> IPv4Address:
    subnet: IPv4Network = data["subnet"]
    return subnet[_USUAL_PLACE] if subnet.num_addresses > _USUAL_PLACE + 1 else subnet[-2]


def _bridge_of(data: dict[str, Any]) -> str:
    return f"br-{data.get('instance') or 'newt'}"[:LONGEST_BRIDGE]


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
    subnet: Annotated[
        IPv4Network,
        PlainValidator(_subnet),
        PlainSerializer(str, return_type=str),
        WithJsonSchema(shapes.text(rf"{shapes.IPV4}/(1[6-9]|2[0-9]|30)")),
        Kind("CIDR block"),
    ] = Field(
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
