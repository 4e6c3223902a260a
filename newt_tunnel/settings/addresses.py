"""Which IPv4 addresses can be a target at all, and which are private.

Text in, ``ipaddress`` out, remedies on the way.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from newt_tunnel.egress.model import EVERYWHERE, HostName
from newt_tunnel.settings.errors import refuse

_NOT_A_TARGET = (
    (
        IPv4Network("0.0.0.0/8"),
        "is the unspecified address; write the address of the target",
    ),
    (
        IPv4Network("127.0.0.0/8"),
        "is loopback, which inside newt's container is newt itself; for a service on the Docker "
        "host write the host's address (docker.address)",
    ),
    (
        IPv4Network("169.254.0.0/16"),
        "is link-local, where cloud metadata is; write an address of your network. The proof "
        "always tries 169.254.169.254",
    ),
    (IPv4Network("224.0.0.0/4"), "is multicast; write the address of one host"),
    (
        IPv4Network("240.0.0.0/4"),
        "is reserved or a broadcast address; write the address of one host",
    ),
)
#: Never routed on the Internet: a public name that resolves there has been pointed at somebody's
#: inside.
PRIVATE = tuple(
    IPv4Network(block)
    for block in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
)
_LONGEST_PREFIX = 32
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LONGEST_NAME = 253
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTTED_NUMBERS = re.compile(r"[0-9.]+")
_LOCAL_NAMES = ("localhost", "host.docker.internal", "gateway.docker.internal")
_SINGLE_LABEL = re.compile(r"[a-z0-9_-]+")
_IPV6 = "is IPv6, and newt's bridge drops all IPv6; write the IPv4 address"


def is_private(address: IPv4Address) -> bool:
    return any(address in block for block in PRIVATE)


def address(value: object) -> IPv4Address:
    """An address that one host can have."""
    if isinstance(value, IPv4Address):
        return value
    if not isinstance(value, str):
        raise refuse("is not an IPv4 address; write it like 10.0.1.50, in quotes")
    if _is_ipv6(value):
        raise refuse(_IPV6)
    try:
        found = IPv4Address(_bare(value))
    except ValueError:
        raise refuse(
            "is not an IPv4 address; write four numbers from 0 to 255, like 10.0.1.50"
        ) from None
    if "/" in value:
        raise refuse(f"is a block; write the one address, {found}")
    _refuse_special(IPv4Network(found))
    return found


def block(value: object) -> IPv4Network:
    """A CIDR block of addresses that hosts can have."""
    found = network(value)
    _refuse_special(found)
    return found


def network(value: object) -> IPv4Network:
    """A CIDR block, written with its prefix length and without host bits."""
    if isinstance(value, IPv4Network):
        return value
    if not isinstance(value, str):
        raise refuse("is not a block; write it like 10.0.1.0/24, in quotes")
    if _is_ipv6(value):
        raise refuse(_IPV6)
    text, slash, length = value.partition("/")
    if not slash:
        raise refuse(
            "has no prefix length; write ADDRESS/32 for one address or 10.0.1.0/24 for a block"
        )
    try:
        IPv4Address(text)
    except ValueError:
        raise refuse("is not a block of IPv4 addresses; write it like 10.0.1.0/24") from None
    if not re.fullmatch(r"[0-9]{1,2}", length) or int(length) > _LONGEST_PREFIX:
        raise refuse(f"has no valid prefix length; write {text}/N with N from 1 to 32")
    if int(length) == EVERYWHERE.prefixlen:
        raise refuse("is every address; write the blocks that are needed")
    found = IPv4Network(value, strict=False)
    if str(found.network_address) != text:
        raise refuse(f"has host bits; write {found} for the block or {text}/32 for the one address")
    return found


def host(value: object) -> IPv4Address | HostName:
    """An address or a name, told apart by their form."""
    if isinstance(value, IPv4Address):
        return value
    if not isinstance(value, str):
        raise refuse("is not a host; write an IPv4 address like 10.0.1.50 or a name like gitea.lan")
    if _is_ipv6(value) or "/" in value or _DOTTED_NUMBERS.fullmatch(value):
        if "/" in value and _DOTTED_NUMBERS.fullmatch(_bare(value)):
            raise refuse("is a block; write it as `cidr:` instead of `host:`")
        return address(value)
    return host_name(value)


def host_name(
    text: str,
    *,
    of_container: str = "for a container write docker.address and its published port",
) -> HostName:
    """A full DNS name, in lower case. ``of_container`` is what to write for one that only a
    container engine or a cluster knows.
    """
    name = text.lower()
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        raise refuse(
            "is newt itself inside newt's container; write the host's address (docker.address)"
        )
    labels = name.split(".")
    # What it leads to would depend on the search domains of whoever asks. Names are resolved
    # without them where the rules are made, and with them where newt dials.
    if len(labels) == 1 and _SINGLE_LABEL.fullmatch(name) and not _NUMERIC.fullmatch(name):
        like = f"{name}.lan" if _LABEL.fullmatch(name) else "gitea.lan"
        raise refuse(
            f"is not a full name, and no search domain is added to it; write the full name, like "
            f"{like}, or the address; {of_container}"
        )
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise refuse(
            "is not a host name; use letters, digits, `-` and `.`, like gitea.lan, or an IPv4 "
            "address"
        )
    # What the C library reads as an address ("0x7f000001", "127.1") is no name.
    if _NUMERIC.fullmatch(labels[-1]):
        raise refuse(
            "is neither an IPv4 address nor a host name; write it like 10.0.1.50 or gitea.lan"
        )
    return HostName(name)


def _refuse_special(target: IPv4Network) -> None:
    for special, reason in _NOT_A_TARGET:
        if target.subnet_of(special):
            raise refuse(reason)
        if target.overlaps(special):
            raise refuse(f"contains {special}, where no target can be; write narrower blocks")


def _bare(value: str) -> str:
    return value.partition("/")[0]


def _is_ipv6(value: str) -> bool:
    try:
        IPv6Address(_bare(value.strip("[]")))
    except ValueError:
        return False
    return True
