"""What a wide block opens of the nodes, and their own network where it is known."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from newt_tunnel.cluster.reading.objects import node_networks
from newt_tunnel.cluster.reading.snapshot import Snapshot
from newt_tunnel.egress.model import WideBlock
from tests.unit.cluster.home import COREDNS, HOME, looked_up

HERE = ip_address("10.0.1.11")


def wide(cidr: str, of: Snapshot) -> tuple[list[str], list[str]]:
    """What is left out, and the warnings."""
    entry: dict[str, Any] = {"name": "lan", "cidr": cidr, "port": 22, "wide": True}
    found = looked_up([entry], of=of)
    assert found.policy is not None
    destination = found.policy.allowed[-1].destination
    assert isinstance(destination, WideBlock)
    return [str(hole) for hole in destination.excluded], [str(line) for line in found.warnings]


def in_network(*blocks: str) -> Snapshot:
    (node,) = HOME.nodes
    return replace(HOME, nodes=(replace(node, networks=tuple(map(ip_network, blocks))),))


@pytest.mark.parametrize(
    ("annotations", "found"),
    [
        ({"projectcalico.org/IPv4Address": "10.0.1.11/24"}, ["10.0.1.0/24"]),
        ({"projectcalico.org/IPv6Address": "fd00:1::11/64"}, ["fd00:1::/64"]),
        (
            {"k8s.ovn.org/node-primary-ifaddr": '{"ipv4":"192.168.111.23/24","ipv6":""}'},
            ["192.168.111.0/24"],
        ),
        ({"projectcalico.org/IPv4Address": "none", "a": "10.0.0.0/8"}, []),
        ({"k8s.ovn.org/node-primary-ifaddr": "{"}, []),
        ({}, []),
    ],
)
def test_a_nodes_network_is_known_by_what_is_noted_on_it(
    annotations: dict[str, str], found: list[str]
) -> None:
    assert [str(one) for one in node_networks(annotations)] == found


def test_the_nodes_own_network_is_left_out_where_it_is_known() -> None:
    holes, warnings = wide("10.0.0.0/8", in_network("10.0.1.0/24"))
    assert "10.0.1.0/24" in holes
    assert "10.0.1.11/32" not in holes, "it is in there"
    assert warnings == []


def test_elsewhere_every_preview_says_that_a_later_node_is_inside() -> None:
    _, (line,) = wide("10.0.0.0/8", HOME)
    assert line.startswith("egress[0].cidr: a node that joins the cluster later with an address in")
    assert "until the next `pulumi up`; write narrower blocks" in line


def test_a_block_that_is_no_larger_than_the_nodes_network_is_not_left_out_whole() -> None:
    _, (line,) = wide("10.0.0.0/8", in_network("10.0.0.0/8"))
    assert "a node that joins the cluster later" in line


def test_a_wide_block_elsewhere_opens_no_node() -> None:
    assert wide("192.168.0.0/16", in_network("10.0.1.0/24"))[1] == []


def test_where_nodes_may_not_be_listed_that_is_said_and_pods_tell_of_some() -> None:
    unlisted = replace(HOME, nodes=())
    _, lines = wide("10.0.0.0/8", unlisted)
    assert any("this user may not list nodes, so none of them is left out" in it for it in lines)

    others = [one for one in HOME.pods if one != COREDNS]
    there = replace(unlisted, pods=(replace(COREDNS, node_addresses=(HERE,)), *others))
    holes, lines = wide("10.0.0.0/8", there)
    assert "10.0.1.11/32" in holes
    assert any(
        "so only 10.0.1.11 of them is left out, and ssh and the kubelet" in it for it in lines
    )
