"""Addresses, blocks and hosts as text: IPv4 alone on a Docker host, both families in a cluster.

One reader serves both platforms; what differs is data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)

from newt_tunnel.egress import registry
from newt_tunnel.egress.model import Address, HostName, Network
from newt_tunnel.egress.networks import is_inside
from newt_tunnel.settings.addresses import LINK_LOCAL, NOT_A_TARGET, is_wide
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.host_names import CLUSTER_NAME, host_name

_DOTTED_NUMBERS = re.compile(r"[0-9.]+")
_IN_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_SERVICE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")


@dataclass(frozen=True, kw_only=True)
class Families:
    """How addresses are written on one platform."""

    types: tuple[type[IPv4Address] | type[IPv6Address], ...]
    #: Whether an entry may ask for a wide block, and whether names of Services need another key.
    in_cluster: bool
    #: The longest prefix length.
    digits: int
    #: A host with one of these characters is read as an address.
    marks: str
    # words of the remedies
    one: str
    form: str
    example: str
    example_block: str
    without_prefix: str
    #: What loopback is, after "inside".
    loopback: str
    #: What to write for a host that only a container engine or a cluster knows.
    instead_of_name: str
    no_ipv6: str = ""

    def special(self, address: Address) -> str | None:
        """Return why no target can have this address, or the IPv4 address in it, else None."""
        held = registry.held(address)
        reason = next((reason for block, reason in NOT_A_TARGET if address in block), None)
        if reason is not None:
            return self._worded(reason)
        return None if held is None else self.special(held)

    def address(self, value: object) -> Address:
        """An address that one host can have."""
        if isinstance(value, IPv4Address | IPv6Address):
            return value
        found = self._address(value)
        if reason := self.special(found):
            raise refuse(reason)
        return found

    def resolver(self, value: object) -> Address:
        """An address of a resolver: a node-local cache has a link-local one."""
        if isinstance(value, IPv4Address | IPv6Address):
            return value
        found = self._address(value)
        if any(found in block for block, _ in NOT_A_TARGET if block not in LINK_LOCAL):
            raise refuse(self.special(found) or "")
        return found

    def network(self, value: object) -> Network:
        """A CIDR block, written with its prefix length and without host bits."""
        if isinstance(value, IPv4Network | IPv6Network):
            return value
        if not isinstance(value, str):
            raise refuse("is not a block; write it like 10.0.1.0/24, in quotes")
        self._refuse_ipv6(value)
        text, slash, length = value.partition("/")
        found = self._parsed(text)
        if found is None:
            raise refuse(f"is not a block of {self.one}es; write it like {self.example_block}")
        bits = found.max_prefixlen
        if not slash:
            one = self.without_prefix.format(address=found, bits=bits)
            raise refuse(f"has no prefix length; write {one}")
        shortest = 0 if self.in_cluster else 1
        if not re.fullmatch(rf"[0-9]{{1,{self.digits}}}", length) or int(length) > bits:
            raise refuse(
                f"has no valid prefix length; write {found}/N with N from {shortest} to {bits}"
            )
        if int(length) < shortest:
            raise refuse("is every address; write the blocks that are needed")
        whole = ip_network((found, int(length)), strict=False)
        if whole.network_address != found:
            raise refuse(
                f"has host bits; write {whole} for the block or {found}/{bits} for the one address"
            )
        return whole

    def block(self, value: object) -> Network:
        """A CIDR block of addresses that hosts can have. In a cluster a wide one is only refused
        where ``wide`` is not written.
        """
        if isinstance(value, IPv4Network | IPv6Network):
            return value
        whole = self.network(value)
        may_contain = self.in_cluster and is_wide(whole)
        for judged in (whole, registry.held_block(whole) or whole):
            for reserved, reason in NOT_A_TARGET:
                if is_inside(judged, reserved):
                    raise refuse(self._worded(reason))
                if not may_contain and is_inside(reserved, judged):
                    raise refuse(
                        f"contains {reserved}, where no target can be; write narrower blocks"
                    )
        return whole

    def host(self, value: object) -> Address | HostName:
        """An address or a name, told apart by their form."""
        if isinstance(value, IPv4Address | IPv6Address):
            return value
        if not isinstance(value, str):
            raise refuse(
                f"is not a host; write an {self.one} like 10.0.1.50 or a name like gitea.lan"
            )
        if self.in_cluster:
            _refuse_service(value)
        base, slash, _ = value.partition("/")
        if slash and (self._parsed(base.strip("[]")) or _DOTTED_NUMBERS.fullmatch(base)):
            raise refuse("is a block; write it as `cidr:` instead of `host:`")
        if _is_ipv6(value) or set(self.marks) & set(value) or _DOTTED_NUMBERS.fullmatch(value):
            return self.address(value)
        if self.in_cluster:
            _refuse_cluster_name(value.lower())
        return host_name(value, instead=self.instead_of_name)

    def _address(self, value: object) -> Address:
        if not isinstance(value, str):
            raise refuse(f"is not an {self.one}; write it like {self.example}, in quotes")
        self._refuse_ipv6(value)
        text = value
        if IPv6Address in self.types and _IN_BRACKETS.fullmatch(value):
            text = value.strip("[]")
        found = self._parsed(text.partition("/")[0])
        if found is None:
            raise refuse(f"is not an {self.one}; write {self.form}")
        if "/" in value:
            raise refuse(f"is a block; write the one address, {found}")
        return found

    def _parsed(self, text: str) -> Address | None:
        """Refuse also what only a resolver reads as an address: `127.1`, a zone after `%`."""
        if "%" in text:
            return None
        for family in self.types:
            try:
                return family(text)
            except AddressValueError:
                continue
        return None

    def _refuse_ipv6(self, text: str) -> None:
        if self.no_ipv6 and _is_ipv6(text):
            raise refuse(self.no_ipv6)

    def _worded(self, reason: str) -> str:
        return reason.format(loopback=self.loopback)


def _refuse_service(text: str) -> None:
    if _SERVICE.fullmatch(text):
        raise refuse(f"is a Service; write it as `service: {text}`, with the Service's own port")


def _refuse_cluster_name(name: str) -> None:
    if found := CLUSTER_NAME.fullmatch(name):
        raise refuse(
            "is the name of a Service, whose address no policy sees; write "
            f"`service: {found['namespace']}/{found['service']}`"
        )
    if name.rpartition(".")[2] == "localhost":
        raise refuse("is newt's own pod; write the target's address or name")


def _is_ipv6(value: str) -> bool:
    try:
        IPv6Address(value.strip("[]").partition("/")[0])
    except ValueError:
        return False
    return True


ON_DOCKER_HOST = Families(
    types=(IPv4Address,),
    in_cluster=False,
    digits=2,
    marks="/",
    one="IPv4 address",
    form="four numbers from 0 to 255, like 10.0.1.50",
    example="10.0.1.50",
    example_block="10.0.1.0/24",
    without_prefix="ADDRESS/32 for one address or 10.0.1.0/24 for a block",
    loopback="newt's container is newt itself; for a service on the Docker host write the host's "
    "address (docker.address)",
    instead_of_name="for a container write `container: NAME`, or docker.address and its published "
    "port",
    no_ipv6="is IPv6, and newt's bridge drops all IPv6; write the IPv4 address",
)
IN_CLUSTER = Families(
    types=(IPv4Address, IPv6Address),
    in_cluster=True,
    digits=3,
    marks=":",
    one="address",
    form="it like 10.0.1.50 or fd00::50",
    example="10.0.1.50 or fd00::50",
    example_block="10.0.1.0/24 or fd00:1::/64",
    without_prefix="{address}/{bits} for the one address",
    loopback="newt's pod is newt itself",
    instead_of_name="for a Service write `service: NAMESPACE/NAME`",
)
