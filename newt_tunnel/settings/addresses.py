"""Which addresses can be a target at all, and which are private. Both families.

Leaves out what only a cluster knows (that an address is a Service's, a pod's or the API's).
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from newt_tunnel.egress import registry
from newt_tunnel.egress.model import Address, Network
from newt_tunnel.egress.networks import is_inside

LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
#: No target may cover it, however wide: cloud metadata, a node-local resolver.
LINK_LOCAL: tuple[Network, ...] = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))
#: Blocks without targets, and why. The platform says where loopback leads.
NOT_A_TARGET: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(block), reason)
    for blocks, reason in (
        (("0.0.0.0/8", "::/128"), "is the unspecified address; write the address of the target"),
        (LOOPBACK, "is loopback, which inside {loopback}"),
        (
            LINK_LOCAL,
            "is link-local, where cloud metadata is; write an address of your network. The "
            "proof always tries 169.254.169.254",
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
#: Never routed on the Internet: a public name that resolves there leads into a private network.
PRIVATE: tuple[Network, ...] = tuple(
    map(ip_network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)
#: A block that contains one of these holds a whole private network.
_WHOLE_NETWORKS: tuple[Network, ...] = (*PRIVATE, IPv6Network("fc00::/8"), IPv6Network("fd00::/8"))
#: A larger block belongs to no single network.
_LARGEST_NARROW = {4: 8, 6: 16}


def is_private(address: Address) -> bool:
    return any(address in block for block in PRIVATE)


def is_wide(block: Network) -> bool:
    """Whether a block is so large that only ``wide: true`` may ask for it."""
    held = registry.held_block(block)
    return (
        block.prefixlen < _LARGEST_NARROW[block.version]
        or any(is_inside(network, block) for network in _WHOLE_NETWORKS)
        or registry.holds_every_ipv4(block)
        or (held is not None and is_wide(held))
    )
