"""Addresses by the IANA registries: which are public, and which IPv4 address an IPv6 address holds.

A name that must be public may not resolve to another address, or its owner could point newt at an
internal target. Sources: IANA's IPv4 and IPv6 Special-Purpose Address Registries, RFC 6052 and RFC
8215 (NAT64), RFC 3056 (6to4), RFC 4291 and RFC 3879 (what is deprecated). Pure data and arithmetic.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from newt_tunnel.egress.networks import Address, Network, is_inside

#: Not globally reachable, or assigned to no one: where they are routed, it is inside a network.
#: Blocks for documentation are left out: no network uses them, and examples and tests do.
NOT_PUBLIC: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private use
            "100.64.0.0/10",  # carriers' NAT
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local
            "172.16.0.0/12",  # private use
            "192.0.0.0/24",  # protocol assignments
            "192.168.0.0/16",  # private use
            "198.18.0.0/15",  # benchmarks
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
            "::/96",  # unspecified, loopback, IPv4-compatible
            "::ffff:0:0/96",  # IPv4-mapped
            "64:ff9b:1::/48",  # NAT64 of a network's own
            "100::/64",  # discard
            "100:0:0:1::/64",  # dummy
            "2001::/23",  # protocol assignments, Teredo
            "2002::/16",  # 6to4
            "5f00::/16",  # segment routing
            "fc00::/7",  # unique local
            "fe80::/10",  # link-local
            "fec0::/10",  # site-local
            "ff00::/8",  # multicast
        ),
    )
)
_NAT64, _SIX_TO_FOUR = IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16")
#: IPv6 prefixes that hold an IPv4 address, and the bit at which it begins. 64:ff9b:1::/48 is meant
#: to be cut into prefixes of 96 bits.
_HOLDING = (
    (IPv6Network("::/96"), 96),
    (IPv6Network("::ffff:0:0/96"), 96),
    (_NAT64, 96),
    (IPv6Network("64:ff9b:1::/48"), 96),
    (_SIX_TO_FOUR, 16),
)
_BITS4, _BITS6 = 32, 128


def not_public(address: Address) -> Network | None:
    """Return the block that makes an address, or the IPv4 address in it, not public, else None."""
    inner = held(address)
    found = next((block for block in NOT_PUBLIC if address in block), None)
    return found or (None if inner is None else not_public(inner))


def held(address: Address) -> IPv4Address | None:
    """The IPv4 address in an IPv6 one. ``::`` and ``::1`` hold none."""
    if isinstance(address, IPv4Address) or int(address) <= 1:
        return None
    block = held_block(IPv6Network(address))
    return None if block is None else block.network_address


def held_block(block: Network) -> IPv4Network | None:
    """The IPv4 addresses that a block of IPv6 addresses holds, which is all of them for a whole
    prefix. None outside of such prefixes, and for a block that is larger.
    """
    if isinstance(block, IPv4Network):
        return None
    for prefix, start in _HOLDING:
        if is_inside(block, prefix):
            length = min(max(block.prefixlen - start, 0), _BITS4)
            number = int(block.network_address) >> (_BITS6 - start - _BITS4) & (2**_BITS4 - 1)
            return IPv4Network((number, length), strict=False)
    return None


def holds_every_ipv4(block: Network) -> bool:
    """Whether all of IPv4 is in a block of IPv6 addresses."""
    return any(is_inside(prefix, block) for prefix, _ in _HOLDING)


def holders(block: IPv4Network) -> tuple[IPv6Network, ...]:
    """The blocks of public prefixes that hold a block of IPv4 addresses: NAT64 and 6to4."""
    return tuple(
        IPv6Network(
            (
                int(prefix.network_address)
                | int(block.network_address) << (_BITS6 - start - _BITS4),
                start + block.prefixlen,
            )
        )
        for prefix, start in _HOLDING
        if prefix in (_NAT64, _SIX_TO_FOUR)
    )
