"""Which block of addresses is inside which. Blocks of different families have nothing in common."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def is_inside(one: Network, other: Network) -> bool:
    """Whether ``other`` contains all of ``one``, or is the same."""
    return (
        one.version == other.version
        and one.network_address in other
        and one.prefixlen >= other.prefixlen
    )


def overlap(one: Network, other: Network) -> bool:
    return is_inside(one, other) or is_inside(other, one)
