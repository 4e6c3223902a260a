"""Addresses on a platform that has IPv6 as well: the same care as in ``addresses``, both families.

Leaves out what only a cluster can tell (that an address is a Service's, a pod's or the API's).
"""

from __future__ import annotations

import re
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
from newt_tunnel.settings import addresses
from newt_tunnel.settings.errors import refuse

_NOT_A_TARGET = tuple(
    (ip_network(block), reason)
    for blocks, reason in (
        (("0.0.0.0/8", "::/128"), "is the unspecified address; write the address of the target"),
        (("127.0.0.0/8", "::1/128"), "is loopback, which inside newt's pod is newt itself"),
        (
            ("169.254.0.0/16", "fe80::/10"),
            "is link-local, where cloud metadata is; write an address of your network. The proof "
            "always tries 169.254.169.254",
        ),
        (("224.0.0.0/4", "ff00::/8"), "is multicast; write the address of one host"),
        (("240.0.0.0/4",), "is reserved or a broadcast address; write the address of one host"),
        (
            ("::ffff:0:0/96", "::/96"),
            "is an IPv4 address in IPv6 notation; write it as IPv4",
        ),
    )
    for block in blocks
)
#: What a target may never cover, however wide: cloud metadata, a node-local resolver.
LINK_LOCAL: tuple[Network, ...] = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))
#: Never routed on the Internet.
PRIVATE: tuple[Network, ...] = (*addresses.PRIVATE, IPv6Network("fc00::/7"))
#: Whoever allows one of these allows somebody's whole network.
_WHOLE_NETWORKS: tuple[Network, ...] = (*PRIVATE, IPv6Network("fc00::/8"), IPv6Network("fd00::/8"))
#: Larger blocks belong to no one network.
_LARGEST_NARROW = {4: 8, 6: 16}
#: The DNS name of a Service, in whatever domain the cluster has.
CLUSTER_NAME = re.compile(r"(?P<service>[^.]+)\.(?P<namespace>[^.]+)\.svc(\..*)?")


def is_private(address: Address) -> bool:
    return any(address in block for block in PRIVATE)


def is_wide(block: Network) -> bool:
    """Whether a block is so large that only ``wide: true`` may ask for it."""
    held = registry.held_block(block)
    return (
        block.prefixlen < _LARGEST_NARROW[block.version]
        or any(_contains(block, network) for network in _WHOLE_NETWORKS)
        or registry.holds_every_ipv4(block)
        or (held is not None and is_wide(held))
    )


def special(address: Address) -> str | None:
    """Why no target can have this address, or the IPv4 address in it; None for an ordinary one."""
    held = registry.held(address)
    reason = next((reason for block, reason in _NOT_A_TARGET if address in block), None)
    return reason or (None if held is None else special(held))


def address(value: object) -> Address:
    """An address that one host can have, of either family."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    found = resolver(value)
    if reason := special(found):
        raise refuse(reason)
    return found


def resolver(value: object) -> Address:
    """An address of a resolver: a node-local cache has a link-local one."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    if not isinstance(value, str):
        raise refuse("is not an address; write it like 10.0.1.50 or fd00::50, in quotes")
    text = value.strip("[]") if re.fullmatch(r"\[[^\[\]]*\]", value) else value
    found = _parsed(text.partition("/")[0])
    if found is None:
        raise refuse("is not an address; write it like 10.0.1.50 or fd00::50")
    if "/" in value:
        raise refuse(f"is a block; write the one address, {found}")
    if any(found in block for block, _ in _NOT_A_TARGET if block not in LINK_LOCAL):
        raise refuse(special(found) or "")
    return found


def block(value: object) -> Network:
    """A CIDR block of either family; a wide one is only refused where ``wide`` is not written."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    if not isinstance(value, str):
        raise refuse("is not a block; write it like 10.0.1.0/24, in quotes")
    text, slash, length = value.partition("/")
    found = _parsed(text)
    if not slash and found is not None:
        raise refuse(
            f"has no prefix length; write {found}/{found.max_prefixlen} for the one address"
        )
    if found is None:
        raise refuse("is not a block of addresses; write it like 10.0.1.0/24 or fd00:1::/64")
    if not re.fullmatch(r"[0-9]{1,3}", length) or int(length) > found.max_prefixlen:
        raise refuse(
            f"has no valid prefix length; write {found}/N with N from 0 to {found.max_prefixlen}"
        )
    whole = ip_network((found, int(length)), strict=False)
    if whole.network_address != found:
        raise refuse(
            f"has host bits; write {whole} for the block or {found}/{found.max_prefixlen} for the "
            "one address"
        )
    for judged in (whole, registry.held_block(whole) or whole):
        for reserved, reason in _NOT_A_TARGET:
            if _contains(reserved, judged):
                raise refuse(reason)
            if not is_wide(whole) and _contains(judged, reserved):
                raise refuse(f"contains {reserved}, where no target can be; write narrower blocks")
    return whole


def host(value: object) -> Address | HostName:
    """An address or a name, told apart by their form."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    if not isinstance(value, str):
        raise refuse("is not a host; write an address like 10.0.1.50 or a name like gitea.lan")
    base = value.partition("/")[0]
    if "/" in value and _parsed(base.strip("[]")) is not None:
        raise refuse("is a block; write it as `cidr:` instead of `host:`")
    if re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", value):
        raise refuse(f"is a Service; write it as `service: {value}`, with the Service's own port")
    if ":" in value or re.fullmatch(r"[0-9.]+", value):
        return address(value)
    if found := CLUSTER_NAME.fullmatch(value.lower()):
        raise refuse(
            "is the name of a Service, whose address no policy sees; write "
            f"`service: {found['namespace']}/{found['service']}`"
        )
    if value.lower().rpartition(".")[2] == "localhost":
        raise refuse("is newt's own pod; write the target's address or name")
    return addresses.host_name(value, of_container="for a Service write `service: NAMESPACE/NAME`")


def _parsed(text: str) -> Address | None:
    """Also refuses what only a resolver takes for an address: `127.1`, a zone after `%`."""
    if "%" in text:
        return None
    for family in (IPv4Address, IPv6Address):
        try:
            return family(text)
        except AddressValueError:
            continue
    return None


def _contains(one: Network, other: Network) -> bool:
    return (
        one.version == other.version
        and other.network_address in one
        and one.prefixlen <= other.prefixlen
    )
