"""The nodes' own network, and what a wide block opens of it.

A NetworkPolicy is a list of addresses, and nodes come and go: where their network is known it is
left out of a wide block as a whole, and elsewhere every preview says what is inside. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import ip_interface

from newt_tunnel.cluster.entry_result import listed
from newt_tunnel.cluster.findings import Finding, warning
from newt_tunnel.cluster.snapshot import Snapshot
from newt_tunnel.egress.model import Network, WideBlock
from newt_tunnel.egress.networks import is_inside

#: Where enforcers and CNIs note a node's address together with its network, as ``ADDRESS/LENGTH``:
#: a plain text, or a JSON object of such texts. Kubernetes itself knows addresses only.
_NOTED = (
    # calico/libcalico-go/lib/backend/k8s/resources/node.go
    "projectcalico.org/IPv4Address",
    "projectcalico.org/IPv6Address",
    # ovn-kubernetes/go-controller/pkg/util/node_annotations.go
    "k8s.ovn.org/node-primary-ifaddr",
)


def networks(annotations: Mapping[str, str]) -> Iterator[Network]:
    """A node's own networks, by what is noted on it."""
    for key in _NOTED:
        for text in _texts(annotations.get(key, "")):
            try:
                yield ip_interface(text).network
            except ValueError:
                # Not in this form: then it is not known.
                continue


def _texts(noted: str) -> tuple[str, ...]:
    if not noted.startswith("{"):
        return (noted,) if noted else ()
    try:
        return tuple(str(text) for text in json.loads(noted).values())
    except ValueError:
        return ()


def left_open(key: str, block: WideBlock, snapshot: Snapshot) -> Iterator[Finding]:
    """What a wide block opens of the nodes, at every preview."""
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
    """Whether the nodes' network is left out: where it is larger than the block it is not."""
    return any(is_inside(known, hole) for hole in block.excluded) or (
        known.version == block.network.version
        and known.network_address not in block.network
        and block.network.network_address not in known
    )
