"""Addresses outside the cluster, and those that only look as if they were."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from newt_tunnel.cluster.lookup.look_up import Lookup
from newt_tunnel.cluster.reading.snapshot import EndpointPort, Node
from newt_tunnel.egress.decide_connection import Answer, Connection, decide
from newt_tunnel.egress.model import WideBlock
from tests.unit.cluster.home import (
    HOME,
    answers,
    leads,
    looked_up,
    rules,
    service,
    slice_of,
    with_objects,
)

DUAL = replace(
    HOME,
    nodes=(
        Node(
            name="k3s",
            addresses=(ip_address("10.0.1.11"), ip_address("fd00:1::11")),
            pod_ranges=(ip_network("10.42.0.0/24"), ip_network("fd00:42::/64")),
        ),
    ),
)


def block(cidr: str, port: Any = 80, **more: Any) -> dict[str, Any]:
    return {"name": "lan", "cidr": cidr, "port": port, **more}


def holes(found: Lookup) -> list[str]:
    """What the last rule, of a wide block, leaves out."""
    assert found.policy is not None
    destination = found.policy.allowed[-1].destination
    assert isinstance(destination, WideBlock)
    return [str(hole) for hole in destination.excluded]


@pytest.mark.parametrize(
    ("cidr", "port", "said"),
    [
        (
            "10.43.0.30/32",
            80,
            "10.43.0.30 is the ClusterIP of homeassistant/homeassistant, which no policy "
            "sees; write `service: homeassistant/homeassistant`",
        ),
        ("10.43.7.7/32", 80, "10.43.7.7 is among the cluster's Services (10.43.0.0/16); write"),
        ("10.43.0.0/16", 80, "is among the cluster's Services (10.43.0.0/16)"),
        ("10.42.0.5/32", 80, "10.42.0.5 is among the cluster's pods (10.42.0.0/24); write"),
        ("10.42.0.0/15", 80, "contains the cluster's Services (10.43.0.0/16); write narrower"),
        ("10.42.0.0/20", 80, "contains the cluster's pods (10.42.0.0/24); write narrower"),
        ("10.0.1.11/32", 6443, "10.0.1.11 is or contains the Kubernetes API (10.0.1.11:6443)"),
        ("10.0.1.0/24", "6000-7000", "10.0.1.0/24 is or contains the Kubernetes API"),
    ],
)
def test_what_is_not_outside_or_too_much_is_an_error_that_says_what_to_write(
    cidr: str, port: object, said: str
) -> None:
    found = looked_up([block(cidr, port)])
    assert found.policy is None
    (line,) = map(str, found.errors)
    assert line.startswith("egress[0].cidr: ")
    assert said in line


def test_a_clusterip_as_host_is_found_out_too() -> None:
    found = looked_up([{"name": "ha", "host": "10.43.0.30", "port": 80}])
    assert "egress[0].host: 10.43.0.30 is the ClusterIP" in str(found.errors[0])


@pytest.mark.parametrize(("cidr", "port"), [("10.0.1.0/24", 443), ("10.0.1.11/32", 22)])
def test_the_nodes_own_network_may_be_a_target_elsewhere_than_the_api(cidr: str, port: int) -> None:
    assert looked_up([block(cidr, port)]).errors == ()


def test_the_api_has_no_udp() -> None:
    assert looked_up([block("10.0.1.11/32", 6443, protocol="UDP")]).errors == ()


@pytest.mark.parametrize("cidr", ["10.42.0.0/24", "10.42.0.5/32", "10.43.0.0/16"])
def test_wide_does_not_open_the_clusters_own_ranges(cidr: str) -> None:
    found = looked_up([block(cidr, wide=True)])
    assert "is among the cluster's" in str(found.errors[0])


def test_a_wide_block_leaves_out_the_cluster_the_api_the_nodes_and_link_local() -> None:
    found = looked_up([block("0.0.0.0/0", [443, 6443], wide=True)])
    assert holes(found) == [
        "10.0.1.11/32",
        "10.42.0.0/24",
        "10.43.0.0/16",
        "169.254.0.0/16",
    ]
    assert "0.0.0.0/0 without 10.0.1.11/32, 10.42.0.0/24" in str(found.infos[-1])


def test_a_wide_block_of_ipv6_leaves_out_the_same() -> None:
    found = looked_up([block("::/0", 443, wide=True)], of=DUAL)
    assert holes(found) == [
        "fd00:1::11/128",
        "fd00:42::/64",
        "fe80::/10",
    ]


def test_a_wide_block_of_nat64_leaves_out_what_all_of_ipv4_would() -> None:
    found = looked_up([block("64:ff9b::/96", 443, wide=True)], of=DUAL)
    assert {"64:ff9b::a9fe:0/112", "64:ff9b::a2a:0/120"} <= set(holes(found))


@pytest.mark.parametrize(
    ("cidr", "said"),
    [
        ("64:ff9b::a2a:7/128", "is among the cluster's pods (10.42.0.0/24)"),
        ("64:ff9b::a2b:0/112", "is among the cluster's Services (10.43.0.0/16)"),
        ("64:ff9b::a2a:0/112", "contains the cluster's pods (10.42.0.0/24)"),
        ("64:ff9b::a00:10b/128", "is or contains the Kubernetes API"),
    ],
)
def test_the_ipv4_addresses_in_a_block_are_judged(cidr: str, said: str) -> None:
    found = looked_up([block(cidr, 6443)])
    assert said in "\n".join(map(str, found.errors))


def test_a_hole_within_a_hole_is_not_written() -> None:
    inside = with_objects(slice_of("default/kubernetes", "10.42.0.9", EndpointPort(port=6443)))
    found = looked_up([block("10.0.0.0/8", 443, wide=True)], of=inside)
    assert "10.42.0.9/32" not in holes(found), "the pods' range has it already"


def test_no_wide_block_ever_covers_canary_api_or_link_local() -> None:
    found = looked_up([block("0.0.0.0/0", "1-65535", wide=True)], of=HOME)
    assert found.policy is not None
    for address, port in (("169.254.169.254", 80), ("10.0.1.11", 6443), ("10.0.1.11", 10250)):
        connection = Connection(destination=ip_address(address), protocol="tcp", port=port)
        assert decide(found.policy, connection).answer is Answer.DENIED
    assert str(found.gate_canary) == "10.43.0.10:9153"


def test_pods_outside_the_known_ranges_are_left_out_one_by_one() -> None:
    unknown = replace(HOME, nodes=())
    found = looked_up([block("10.0.0.0/8", 443, wide=True)], of=unknown)
    assert "10.42.0.2/32" in holes(found)


def test_a_load_balancer_of_the_cluster_itself_is_pointed_out() -> None:
    traefik = service(
        *("ingress/traefik", "app=traefik", leads(443, 8443)),
        at="10.43.0.70",
        balancers=(ip_address("10.0.1.11"),),
    )
    home = with_objects(traefik)
    by_address = looked_up([{"name": "web", "host": "10.0.1.11", "port": 443}], of=home)
    by_name = looked_up(
        [{"name": "web", "host": "web.lan", "port": 443}],
        of=with_objects(replace(traefik, balancers=(ip_address("10.0.1.12"),))),
        names=answers(web_lan="10.0.1.12"),
    )
    for found in (by_address, by_name):
        assert rules(found), "the proof will tell whether it works"
        (line,) = map(str, found.warnings)
        assert line.startswith("egress[0].host: 10.0.1.1")
        assert line.endswith("write `service: ingress/traefik`")
    elsewhere = looked_up([{"name": "web", "host": "10.0.1.11", "port": 22}], of=home)
    assert elsewhere.warnings == ()


def test_a_forbidden_address_may_be_anything() -> None:
    found = looked_up([], [block("10.43.0.1/32", 443)])
    assert found.errors == ()


def test_pangolin_inside_the_cluster_is_found_out() -> None:
    found = looked_up([], pangolin__addresses=["10.43.0.30"])
    (line,) = map(str, found.errors)
    assert line.startswith("pangolin.addresses: 10.43.0.30 is the ClusterIP of")


def test_the_printer_is_what_it_was() -> None:
    assert rules(looked_up([block("10.0.1.200/32", 631)])) == ["lan (10.0.1.200 631/tcp)"]
