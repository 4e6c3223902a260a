"""Wide blocks: what is left out of one, and what it still opens on the nodes.

A NetworkPolicy is a list of addresses, and nodes come and go: if their network is known it is left
out as a whole, otherwise every preview reports what is inside. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_network

from newt_tunnel.cluster.reading.snapshot import Snapshot
from newt_tunnel.cluster.text import listed
from newt_tunnel.egress import registry
from newt_tunnel.egress.model import Network, WideBlock
from newt_tunnel.egress.networks import is_inside
from newt_tunnel.findings import Finding, warning
from newt_tunnel.settings.addresses import LINK_LOCAL


def widened(block: Network, snapshot: Snapshot) -> WideBlock:
    """Return a wide block without what even a wide one must not cover."""
    api = [ip_network(contact.host) for contact in snapshot.api]
    nodes = [ip_network(address) for address in snapshot.node_addresses]
    candidates: list[Network] = [
        *LINK_LOCAL,
        *snapshot.pod_ranges,
        *snapshot.service_ranges,
        *nodes,
        *snapshot.node_networks,
        *api,
    ]
    if registry.held_block(block) is not None:
        candidates += [
            holder
            for one in candidates
            if isinstance(one, IPv4Network)
            for holder in registry.holders(one)
        ]
    holes = {hole for hole in candidates if is_inside(hole, block) and hole != block}
    outermost = [
        hole
        for hole in holes
        if not any(is_inside(hole, other) for other in holes if other != hole)
    ]
    return WideBlock(
        block,
        tuple(sorted(outermost, key=lambda hole: (int(hole.network_address), hole.prefixlen))),
    )


def left_open(key: str, block: WideBlock, snapshot: Snapshot) -> Iterator[Finding]:
    """Warn at every preview about what a wide block opens on the nodes."""
    inside = "ssh and the kubelet"
    remedy = "write narrower blocks that leave out the nodes' network"
    if not snapshot.nodes:
        seen = [one for one in snapshot.node_addresses if one in block.network]
        left = f"only {listed(seen)} of them" if seen else "none of them"
        yield warning(
            key,
            f"this user may not list nodes, so {left} is left out, and {inside} of any other node "
            f"in {block.network} are inside; give it the right to list nodes, or {remedy}",
        )
    elif not any(_covers(known, block) for known in snapshot.node_networks):
        yield warning(
            key,
            f"a node that joins the cluster later with an address in {block.network} is inside, "
            f"with {inside}, until the next `pulumi up`; {remedy}",
        )


def _covers(known: Network, block: WideBlock) -> bool:
    """Whether the nodes' network is left out, which needs a block that contains it."""
    return any(
        hole.version == known.version
        and hole.prefixlen <= known.prefixlen
        and known.network_address in hole
        for hole in block.excluded
    ) or (
        known.version == block.network.version
        and known.network_address not in block.network
        and block.network.network_address not in known
    )
