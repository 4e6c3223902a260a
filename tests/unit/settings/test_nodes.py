"""``pangolin.nodes``: where tunnels end, and what newt needs of each place."""

from __future__ import annotations

from typing import Any

import pytest

from newt_tunnel.egress.model import PANGOLIN_RULE
from newt_tunnel.settings.load import judge
from newt_tunnel.settings.pangolin_cloud import CLOUD
from newt_tunnel.settings.policy import policy
from newt_tunnel.settings.servers import servers_of
from tests.unit.settings.bad_input import entry
from tests.unit.settings.example import (
    ABSENT,
    TREES,
    cluster_settings,
    problems,
    problems_on,
    settings,
    stack,
)

ENDPOINT = "https://pangolin.example.com"
EARTH, MARS = "earth.pop.example.com", "mars.pop.example.com"


def on_host(**pangolin: Any) -> list[str]:
    """What newt may open at Pangolin, rule by rule."""
    found = policy(settings({"pangolin": {"endpoint": ENDPOINT, **pangolin}}))
    return [str(rule) for rule in found.allowed if rule.name == PANGOLIN_RULE]


def of_cloud(*nodes: str) -> dict[str, Any]:
    return {"pangolin": {"endpoint": f"https://{CLOUD.endpoint}", "nodes": [*nodes]}}


def test_each_of_several_nodes_is_open_for_tunnel_and_ping_and_the_endpoint_for_neither() -> None:
    assert on_host(nodes=[EARTH, "203.0.113.20"]) == [
        "pangolin (pangolin.example.com 443/tcp)",
        f"pangolin ({EARTH} 51820/udp)",
        f"pangolin ({EARTH} 80/tcp)",
        "pangolin (203.0.113.20 51820/udp)",
        "pangolin (203.0.113.20 80/tcp)",
    ]


def test_one_node_is_not_pinged_so_its_port_80_stays_shut() -> None:
    assert on_host(nodes=[EARTH])[1:] == [f"pangolin ({EARTH} 51820/udp)"]


def test_one_node_of_pangolin_cloud_is_pinged_as_one_of_several() -> None:
    found = policy(settings(of_cloud("earth.pop.pangolin.net")))
    opened = [str(rule) for rule in found.allowed if rule.name == PANGOLIN_RULE]
    assert opened[1:] == [
        "pangolin (earth.pop.pangolin.net 51820/udp)",
        "pangolin (earth.pop.pangolin.net 80/tcp)",
    ]


def test_clients_need_their_port_at_the_nodes_and_not_at_the_endpoint() -> None:
    found = policy(
        settings({"pangolin": {"endpoint": ENDPOINT, "nodes": [EARTH]}, "newt.clients": True})
    )
    opened = [str(rule) for rule in found.allowed if rule.name == PANGOLIN_RULE]
    assert opened == [
        "pangolin (pangolin.example.com 443/tcp)",
        f"pangolin ({EARTH} 21820,51820/udp)",
    ]


def test_written_ports_are_those_of_every_server() -> None:
    ports = ["443/tcp", "51821/udp"]
    assert on_host(nodes=[EARTH, MARS], ports=ports) == [
        f"pangolin ({host} {port})"
        for host in ("pangolin.example.com", EARTH, MARS)
        for port in ports
    ]


@pytest.mark.parametrize("addresses", [None, ["203.0.113.10"]])
def test_the_endpoint_itself_as_the_only_node_is_what_no_nodes_mean(
    addresses: list[str] | None,
) -> None:
    own = {"addresses": addresses} if addresses else {}
    assert on_host(nodes=["pangolin.example.com"], **own) == on_host(**own)
    ports = {"ports": ["443/tcp", "51820/udp"]}
    assert on_host(nodes=["pangolin.example.com"], **own, **ports) == on_host(**own, **ports)


def test_the_endpoint_as_one_of_several_nodes_is_where_its_addresses_are() -> None:
    assert on_host(nodes=["pangolin.example.com", EARTH], addresses=["203.0.113.10"]) == [
        "pangolin (203.0.113.10 443/tcp)",
        "pangolin (203.0.113.10 51820/udp)",
        "pangolin (203.0.113.10 80/tcp)",
        f"pangolin ({EARTH} 51820/udp)",
        f"pangolin ({EARTH} 80/tcp)",
    ]


def test_names_of_nodes_are_left_to_resolution_like_the_endpoints() -> None:
    pangolin = {"endpoint": ENDPOINT, "nodes": [EARTH, "203.0.113.20"]}
    assert policy(settings({"pangolin": pangolin})).server_names == ("pangolin.example.com", EARTH)
    written = {**pangolin, "addresses": ["203.0.113.10"]}
    assert policy(settings({"pangolin": written})).server_names == (EARTH,)


@pytest.mark.parametrize("platform", TREES)
def test_cloud_alone_is_the_hosted_server_with_its_documented_nodes(platform: str) -> None:
    found, wrong = judge(TREES[platform]({"pangolin": "cloud"}))
    assert found is not None, wrong
    servers = servers_of(found)
    assert str(servers.endpoint) == "https://app.pangolin.net"
    assert servers.nodes is not None
    assert servers.nodes.hosts == CLOUD.nodes
    assert len(set(CLOUD.nodes)) == len(CLOUD.nodes) > 1
    written = found.model_dump(mode="json", by_alias=True)
    assert written["pangolin"]["nodes"] == "cloud"
    assert judge(written) == (found, [])


def test_a_node_of_ones_own_may_stand_beside_those_of_the_cloud() -> None:
    found = settings(of_cloud("cloud", "node.example.com"))
    nodes = servers_of(found).nodes
    assert nodes is not None
    assert nodes.hosts == (*CLOUD.nodes, "node.example.com")
    assert found.model_dump(mode="json", by_alias=True)["pangolin"]["nodes"] == [
        "cloud",
        "node.example.com",
    ]


def test_a_cluster_takes_nodes_with_ipv6_addresses() -> None:
    found = cluster_settings({"pangolin": {"endpoint": ENDPOINT, "nodes": ["2001:db8::20"]}})
    opened = [str(rule) for rule in servers_of(found).rules() if rule.origin == "pangolin.nodes"]
    assert opened == ["pangolin (2001:db8::20 51820/udp)"]


@pytest.mark.parametrize("platform", TREES)
@pytest.mark.parametrize(
    "pangolin",
    [
        {"endpoint": "https://app.pangolin.net"},
        {"endpoint": "https://app.pangolin.net", "addresses": ["203.0.113.10"]},
    ],
)
def test_pangolin_cloud_without_nodes_is_explained_in_plain_words(
    platform: str, pangolin: dict[str, Any]
) -> None:
    (line,) = problems_on(platform, {"pangolin": pangolin})
    assert line.startswith("pangolin.nodes: (missing): ")
    assert "a newt of Pangolin Cloud gets no tunnel at app.pangolin.net" in line
    assert "write `nodes: cloud`" in line


def test_entries_for_the_nodes_are_as_good_as_the_key() -> None:
    tree = stack({"pangolin": {"endpoint": "https://app.pangolin.net"}})
    tree["egress"].append("earth.pop.pangolin.net:51820:udp")
    assert judge(tree)[1] == []
    tree["egress"][-1] = "earth.pop.pangolin.net:51820:tcp"
    assert len(judge(tree)[1]) == 1


def test_an_entry_that_repeats_a_node_is_reported() -> None:
    tree = stack({"pangolin": "cloud"})
    tree["egress"].append("earth.pop.pangolin.net:51820:udp")
    (line,) = map(str, judge(tree)[1])
    assert "repeats what pangolin.nodes (pangolin) allows" in line


def test_a_node_that_must_not_be_reached_is_a_contradiction() -> None:
    tree = stack({"pangolin": "cloud"})
    tree["mustNotReach"].append(entry(host="mars.pop.pangolin.net", port=80))
    (line,) = map(str, judge(tree)[1])
    assert "overlaps with pangolin.nodes" in line


@pytest.mark.parametrize("platform", TREES)
def test_without_dns_a_node_is_an_address(platform: str) -> None:
    pangolin = {"endpoint": "https://203.0.113.10", "nodes": ["203.0.113.20", EARTH]}
    changes = {"dns": "none", "egress": [], "pangolin": pangolin}
    (line,) = problems_on(platform, changes)
    assert line.startswith(f"pangolin.nodes: {EARTH}: is a name, and with dns: none newt cannot")
    pangolin["nodes"] = ["203.0.113.20"]
    assert problems_on(platform, changes) == []


def test_without_dns_the_endpoints_own_name_is_a_node_where_its_addresses_are_written() -> None:
    pangolin = {
        "endpoint": ENDPOINT,
        "addresses": ["203.0.113.10"],
        "nodes": ["pangolin.example.com"],
    }
    assert problems({"dns": "none", "egress": [], "pangolin": pangolin}) == []


def test_a_node_inside_newts_own_network_is_reported() -> None:
    (line,) = problems({"pangolin.nodes": ["172.30.0.7"]})
    assert "pangolin.nodes 172.30.0.7" in line


def test_a_wrong_key_leaves_the_others_to_the_checks() -> None:
    lines = problems({"pangolin": {"endpoint": ENDPOINT, "nodes": ["x"], "ports": ABSENT}})
    assert [line.partition(":")[0] for line in lines] == ["pangolin.nodes[0]", "pangolin.ports"]
