"""What a reviewer is told of a change of the allow-list."""

from __future__ import annotations

from typing import Any

import pytest

from newt_tunnel.tools.review.changes import ChangeKind
from tests.unit.review.changing import stack_review, told

_LAN = {"name": "lan", "cidr": "10.0.7.0/24", "port": 80}
_ONE = {"name": "one", "cidr": "10.0.7.5/32", "port": 80}


def _with(*entries: Any) -> dict[str, Any]:
    return {"egress": list(entries), "mustNotReach": []}


def _told(before: list[Any], after: list[Any], stack: str = "nas") -> list[str]:
    return told(_with(*after), _with(*before), stack)


def test_a_new_entry_can_now_also_be_reached() -> None:
    assert _told([], [{**_ONE, "reason": "the printer"}]) == [
        "**newt can now also reach**",
        "- `one`: `10.0.7.5`, `80/tcp` (reason: `the printer`)",
    ]


def test_a_removed_entry_can_no_longer() -> None:
    assert _told([_ONE], []) == ["**no longer**", "- `one`: `10.0.7.5`, `80/tcp`"]


def test_an_address_that_becomes_a_block_is_widened() -> None:
    assert _told([_ONE], [{**_LAN, "name": "one"}]) == [
        "**widened**",
        "- `one`: `10.0.7.5`, `80/tcp` → `10.0.7.0/24`, `80/tcp`",
        "  - Risk: 256 addresses",
    ]


def test_a_port_that_becomes_a_range_is_widened() -> None:
    assert _told([_ONE], [{**_ONE, "port": "80-90"}]) == [
        "**widened**",
        "- `one`: `10.0.7.5`, `80/tcp` → `10.0.7.5`, `80-90/tcp`",
    ]


def test_a_range_that_moves_is_widened_on_one_side_and_narrowed_on_the_other() -> None:
    found = stack_review(_with({**_ONE, "port": "81-90"}), _with({**_ONE, "port": "80-89"}))
    assert [one.change.kind for one in found.changes] == [ChangeKind.WIDENED, ChangeKind.NARROWED]


def test_another_host_under_the_same_name_is_one_more_and_one_less() -> None:
    assert _told([_ONE], [{**_ONE, "cidr": "10.0.7.6/32"}]) == [
        "**newt can now also reach**",
        "- `one`: `10.0.7.6`, `80/tcp`",
        "**no longer**",
        "- `one`: `10.0.7.5`, `80/tcp`",
    ]


def test_an_entry_that_is_renamed_and_widened_shows_both_names() -> None:
    assert _told([_ONE], [_LAN])[:2] == [
        "**widened**",
        "- `lan`: `one`: `10.0.7.5`, `80/tcp` → `10.0.7.0/24`, `80/tcp`",
    ]


def test_a_wider_entry_beside_one_that_stays_says_that_a_part_was_allowed() -> None:
    assert _told([_ONE], [_ONE, _LAN])[:2] == [
        "**newt can now also reach**",
        "- `lan`: `10.0.7.0/24`, `80/tcp`, of which other entries allow a part",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([_ONE, {**_LAN, "port": 81}], [{**_LAN, "port": 81}, _ONE]),
        ([_ONE], [{**_ONE, "name": "other"}]),
        ([{"name": "one", "host": "10.0.7.5", "port": 80}], [_ONE]),
        ([{**_ONE, "port": [80, 81]}], [{**_ONE, "port": "80-81"}]),
        ([{**_ONE, "port": "80-81"}], [_ONE, {**_ONE, "name": "two", "port": 81}]),
        (["10.0.7.5:80:tcp"], [_ONE]),
        ([_ONE], [{**_ONE, "reason": "another remark"}]),
        (
            [{"name": "one", "cidr": "10.0.7.4/31", "port": 80}],
            [_ONE, {**_ONE, "name": "two", "cidr": "10.0.7.4/32"}],
        ),
    ],
    ids=[
        *("reordered", "renamed", "cidr for host", "list for range", "range for two entries"),
        *("long for short", "reason", "two addresses for a block"),
    ],
)
def test_what_reaches_the_same_is_no_change(before: list[Any], after: list[Any]) -> None:
    found = stack_review(_with(*after), _with(*before))
    assert found.is_unchanged
    assert not found.is_widened


def test_a_host_name_is_itself_and_nothing_else() -> None:
    name = {"name": "one", "host": "one.lan", "port": 80}
    assert _told([_ONE], [name]) == [
        "**newt can now also reach**",
        "- `one`: `one.lan`, `80/tcp`",
        "**no longer**",
        "- `one`: `10.0.7.5`, `80/tcp`",
    ]


def test_another_resolver_is_a_widening_and_one_less_a_narrowing() -> None:
    assert told({"dns": ["10.0.1.53", "9.9.9.9"]}) == [
        "**widened**",
        "- `dns`: `9.9.9.9`, `53/tcp, 53/udp`",
        "  - Risk: a public resolver, which carries data out",
    ]
    assert told({"dns": ["10.0.1.53"]}, {"dns": ["10.0.1.53", "10.0.1.54"]}) == [
        "**narrowed**",
        "- `dns`: `10.0.1.54`, `53/tcp, 53/udp`",
    ]


def test_dns_any_is_a_widening_with_a_risk_and_its_reason() -> None:
    assert told({"dns": "any", "reasons": {"dns": "a laptop that roams"}}) == [
        "**widened**",
        "- `dns`: `10.0.1.53`, `53/tcp, 53/udp` → `0.0.0.0/0`, `53/tcp, 53/udp` "
        "(reason: `a laptop that roams`)",
        "  - Risk: every address there is; any resolver can be asked, which carries data out",
    ]


def test_every_port_of_the_server_is_a_widening() -> None:
    assert told({"pangolin.ports": "all"}) == [
        "**widened**",
        "- `pangolin`: `203.0.113.10`, `443/tcp, 51820/udp` → `203.0.113.10`, "
        "`all ports and protocols`, from `pangolin.ports`",
        "  - Risk: every port and every protocol",
    ]


# in a cluster

_PODS = {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "port": 80}
_SERVICE = {"name": "web", "service": "shop/web", "port": 80}


def test_pods_with_fewer_labels_are_more_pods() -> None:
    every = {key: value for key, value in _PODS.items() if key != "labels"}
    assert _told([_PODS], [every], "k3s-home") == [
        "**widened**",
        "- `web`: `pods shop/app=web`, `80/tcp` → `every pod of namespace shop`, `80/tcp`",
        "  - Risk: a whole namespace: every pod that is there, or will be",
    ]


def test_other_labels_are_other_pods() -> None:
    other = {**_PODS, "labels": {"app": "api"}}
    kinds = [
        one.change.kind for one in stack_review(_with(other), _with(_PODS), "k3s-home").changes
    ]
    assert kinds == [ChangeKind.ADDED, ChangeKind.REMOVED]


def test_a_namespace_beside_some_of_its_pods_says_that_a_part_was_allowed() -> None:
    every = {"name": "every", "namespace": "shop", "port": 80}
    assert _told([_PODS], [_PODS, every], "k3s-home")[1] == (
        "- `every`: `every pod of namespace shop`, `80/tcp`, of which other entries allow a part"
    )


def test_a_service_is_compared_by_its_name_and_own_port() -> None:
    assert _told([_SERVICE], [{**_SERVICE, "port": [80, "metrics"]}], "k3s-home") == [
        "**widened**",
        "- `web`: `service shop/web`, `80/tcp` → `service shop/web`, `80/tcp, metrics/tcp`",
    ]
    assert _told([_SERVICE], [{**_SERVICE, "name": "shop"}], "k3s-home") == []


_BLOCK = {"name": "lan", "cidr": "10.0.0.0/9", "port": 443}


def test_wide_on_the_same_block_is_a_widening_by_itself() -> None:
    assert _told([_BLOCK], [{**_BLOCK, "wide": True}], "k3s-home") == [
        "**widened**",
        "- `egress lan wide`: `false` → `true`: the block may now hold the cluster's own ranges",
    ]


def test_a_wide_block_does_not_hide_a_new_entry_in_one_of_its_holes() -> None:
    wide = {**_BLOCK, "wide": True}
    node = {"name": "node", "host": "10.0.1.2", "port": 443}
    assert _told([wide], [wide, node], "k3s-home") == [
        "**newt can now also reach**",
        "- `node`: `10.0.1.2`, `443/tcp`",
    ]
    # And nothing is called closed that the rest of the block may hold.
    assert _told([wide, node], [wide], "k3s-home") == []


def test_dns_any_in_a_cluster_is_everywhere_in_both_families() -> None:
    found = stack_review({"dns": "any"}, stack="k3s-home")
    assert {one.change.entry.where for one in found.of(ChangeKind.WIDENED)} == {
        "0.0.0.0/0",
        "::/0",
    }
