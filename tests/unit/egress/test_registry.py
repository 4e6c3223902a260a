"""The table of what is public agrees with the standard library's, and reads IPv4 inside IPv6."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import pytest

from newt_tunnel.egress.model import Address
from newt_tunnel.egress.registry import (
    NOT_PUBLIC,
    held,
    held_block,
    holders,
    holds_every_ipv4,
    not_public,
)

#: No network uses them, and examples and tests do.
DOCUMENTATION = tuple(
    map(
        ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    )
)
#: The library calls these global: anycast inside a block that is not, multicast, what is
#: deprecated, and blocks that its older versions do not know.
BEYOND_THE_LIBRARY = tuple(
    map(
        ip_network,
        (
            *("192.0.0.0/24", "224.0.0.0/4", "ff00::/8", "::/96", "fec0::/10"),
            *("64:ff9b:1::/48", "100:0:0:1::/64", "2001::/23", "2002::/16", "5f00::/16"),
        ),
    )
)


def samples() -> Iterator[Address]:
    """The ends of every block, what is beside it, and addresses far and wide."""
    for block in (*NOT_PUBLIC, *DOCUMENTATION, IPv6Network("2000::/3"), IPv4Network("0.0.0.0/0")):
        first, last = int(block[0]), int(block[-1])
        for number in (first - 1, first, first + 77, last, last + 1):
            if 0 <= number < 2**block.max_prefixlen:
                yield type(block[0])(number)
    for high in range(0, 2**16, 13):
        yield ip_address(high << 16 | 0x0103)
        yield ip_address(high << 112 | 0x0103)


def test_what_the_standard_library_does_not_call_global_is_not_public_and_nothing_else() -> None:
    compared = 0
    for address in samples():
        if any(address in block for block in DOCUMENTATION):
            assert not_public(address) is None, address
            continue
        if address.is_global:
            known = any(address in block for block in BEYOND_THE_LIBRARY)
            assert (not_public(address) is not None) <= known, address
        else:
            assert not_public(address) is not None, address
        compared += 1
    assert compared > 10_000


@pytest.mark.parametrize(
    "address",
    [
        *("192.0.0.8", "198.18.0.1", "198.19.255.255", "100.127.0.1", "fec0::1", "fd00::1"),
        *("64:ff9b::a00:13c", "64:ff9b::7f00:1", "64:ff9b:1::8.8.8.8", "::10.0.1.60"),
        *("2002:a00:13c::1", "2002:808:808::1", "::ffff:10.0.1.60", "2001:0:1::1", "224.0.0.1"),
    ],
)
def test_nothing_that_may_be_inside_is_public(address: str) -> None:
    assert not_public(ip_address(address)) is not None


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "64:ff9b::9.9.9.9", "203.0.113.10"])
def test_public_addresses_are_public_also_through_nat64(address: str) -> None:
    assert not_public(ip_address(address)) is None


@pytest.mark.parametrize(
    ("address", "inner"),
    [
        ("64:ff9b::a00:13c", "10.0.1.60"),
        ("64:ff9b:1:7::a00:13c", "10.0.1.60"),
        ("2002:a00:13c:1::5", "10.0.1.60"),
        ("::ffff:10.0.1.60", "10.0.1.60"),
        ("::10.0.1.60", "10.0.1.60"),
        ("::1", None),
        ("::", None),
        ("fd00::a00:13c", None),
        ("10.0.1.60", None),
    ],
)
def test_the_ipv4_address_inside(address: str, inner: str | None) -> None:
    assert str(held(ip_address(address))) == str(inner)


@pytest.mark.parametrize(
    ("block", "inner"),
    [
        ("64:ff9b::/96", "0.0.0.0/0"),
        ("64:ff9b::a00:0/104", "10.0.0.0/8"),
        ("64:ff9b::a00:13c/128", "10.0.1.60/32"),
        ("64:ff9b:1::/64", "0.0.0.0/0"),
        ("2002::/16", "0.0.0.0/0"),
        ("2002:a00::/24", "10.0.0.0/8"),
        ("2002:a00:13c::/64", "10.0.1.60/32"),
        ("64:ff9b::/64", None),
        ("10.0.0.0/8", None),
    ],
)
def test_the_ipv4_block_inside(block: str, inner: str | None) -> None:
    assert str(held_block(ip_network(block))) == str(inner)


def test_a_block_around_such_a_prefix_holds_every_ipv4_address() -> None:
    for block in (
        "64:ff9b::/96",
        "64:ff9b::/64",
        "2002::/16",
        "2000::/3",
        "::/0",
        "64:ff9b:1::/48",
    ):
        assert holds_every_ipv4(ip_network(block)), block
    for block in ("64:ff9b::/97", "2002::/17", "fd00::/8", "0.0.0.0/0"):
        assert not holds_every_ipv4(ip_network(block)), block


def test_what_holds_a_block_is_found_back() -> None:
    for block in map(IPv4Network, ("10.0.0.0/8", "169.254.0.0/16", "10.0.1.60/32", "0.0.0.0/0")):
        assert [held_block(one) for one in holders(block)] == [block, block]
