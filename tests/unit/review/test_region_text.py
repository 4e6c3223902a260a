"""Regions in words: the fewest blocks, labels and ports that say the same."""

from __future__ import annotations

from ipaddress import ip_network

from newt_tunnel.egress.model import Pods, PortName, PortRange, Protocol
from newt_tunnel.stackfile.reach_sets import Cover, Place, Region, SomePods, boxes, difference, meet
from newt_tunnel.tools.review.region_text import RegionText, describe_region


def _region(place: Place, *ports: PortRange, protocol: Protocol = Protocol.TCP) -> Region:
    return tuple(boxes(place, protocol, ports))


def _block(text: str, *ports: PortRange) -> Region:
    return _region(ip_network(text), *(ports or (PortRange(80, 80),)))


def test_neighbours_become_one_block_and_one_range() -> None:
    region = (
        *_block("10.0.1.0/25", PortRange(80, 81)),
        *_block("10.0.1.128/25", PortRange(81, 81), PortRange(80, 80)),
    )
    assert describe_region(region) == (RegionText(("10.0.1.0/24",), ("80-81/tcp",)),)


def test_what_is_left_of_a_block_is_told_in_blocks() -> None:
    left = difference(_block("fd00::/126"), Cover(_block("fd00::1/128")))
    assert describe_region(left) == (RegionText(("fd00::", "fd00::2/127"), ("80/tcp",)),)


def test_everything_less_one_port_is_told_without_that_port() -> None:
    place = ip_network("10.0.1.5/32")
    left = difference(_region(place, protocol=Protocol.ANY), Cover(_block("10.0.1.5/32")))
    assert describe_region(left) == (
        RegionText(
            ("10.0.1.5",), ("every other protocol", "0-79/tcp", "81-65535/tcp", "0-65535/udp")
        ),
    )


def test_pods_less_some_of_them_are_told_by_the_labels_that_are_left_out() -> None:
    some, fewer = Pods("shop", (("app", "a"),)), Pods("shop", (("app", "a"), ("tier", "x")))
    left = difference(_region(some, PortRange(80, 81)), Cover(_region(fewer, PortRange(80, 80))))
    assert set(describe_region(left)) == {
        RegionText(("pods shop/app=a without tier=x",), ("80/tcp",)),
        RegionText(("pods shop/app=a",), ("81/tcp",)),
    }


def test_a_named_port_is_another_than_its_number() -> None:
    place = Pods("shop")
    region = tuple(boxes(place, Protocol.TCP, (), (PortName("web"),)))
    assert describe_region(region) == (RegionText(("pods shop/*",), ("web/tcp",)),)
    assert not meet(region, _region(place, PortRange(1, 65535)))


def test_no_pod_has_two_values_of_a_label_and_none_is_in_two_namespaces() -> None:
    one = SomePods("shop", frozenset({("app", "a")}))
    assert one.common(SomePods("shop", frozenset({("app", "b")}))) is None
    assert one.common(SomePods("mall", one.labels)) is None
    [left] = SomePods("shop", frozenset()).minus(one)
    assert left.common(one) is None, "none of these is left"
