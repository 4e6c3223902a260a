"""Pods that the file names itself: what is probably not meant is said."""

from __future__ import annotations

from typing import Any

from newt_tunnel.cluster.lookup.look_up import Lookup
from tests.unit.cluster.home import (
    leads,
    looked_up,
    pod,
    port,
    rules,
    service,
    with_objects,
)

SHOP = with_objects(
    service("shop/web", "app=web", leads(80, 3000), leads(81, "admin", "b"), at="10.43.0.60"),
    pod("shop/web-1", "app=web", "10.42.0.7", port(3000), port(9000, "admin"), ready=False),
    pod("shop/web-2", "app=web", "10.42.0.8", port(3000), port(9000, "admin")),
    pod("shop/db-1", "app=db", "10.42.0.9", port(5432)),
    pod("shop/bare-1", "app=bare", "10.42.0.10"),
)


def pods(number: Any = 3000, **more: Any) -> dict[str, Any]:
    whole = {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "port": number, **more}
    return {key: value for key, value in whole.items() if value is not None}


def warnings(lookup: Lookup) -> list[str]:
    assert lookup.policy is not None, "a warning stops nothing"
    return [str(finding) for finding in lookup.warnings]


def test_pods_that_listen_there_need_no_word() -> None:
    for written in (3000, "admin", [3000, "admin"], "2000-4000"):
        assert warnings(looked_up([pods(written)], of=SHOP)) == []


def test_the_service_port_instead_of_the_pods_port_is_found_out() -> None:
    (line,) = warnings(looked_up([pods(80)], of=SHOP))
    assert line == ("egress[0].port: this looks like the service port 80; the pods listen on 3000")
    (line,) = warnings(looked_up([pods(81)], of=SHOP))
    assert line.endswith("this looks like the service port 81; the pods listen on 9000")


def test_a_port_that_no_container_declares_is_a_warning_that_lists_those_there_are() -> None:
    (line,) = warnings(looked_up([pods(8443)], of=SHOP))
    assert line.endswith("no container of these pods declares 8443; the pods listen on 3000, 9000")


def test_a_named_port_that_no_container_has_is_a_warning() -> None:
    (line,) = warnings(looked_up([pods("web")], of=SHOP))
    assert "calls a port web; they have admin" in line


def test_pods_that_declare_nothing_cannot_be_checked_and_that_is_said_in_passing() -> None:
    found = looked_up([pods(80, labels={"app": "bare"})], of=SHOP)
    assert warnings(found) == []
    assert "declare no tcp port, so 80 is not checked" in str(found.infos[0])


def test_a_selector_without_pods_is_a_warning() -> None:
    (line,) = warnings(looked_up([pods(labels={"app": "wbe"})], of=SHOP))
    assert "no pod of namespace shop has the labels app=wbe now" in line
    assert "kubectl get pods -n shop --show-labels" in line


def test_a_namespace_that_is_not_there_is_one_warning() -> None:
    (line,) = warnings(looked_up([pods(namespace="shpo")], of=SHOP))
    assert line.startswith("egress[0].namespace: there is no namespace shpo")


def test_a_whole_namespace_is_allowed_with_a_warning() -> None:
    found = looked_up([pods(labels=None)], of=SHOP)
    assert rules(found) == ["web (shop/* 3000/tcp)"]
    (line,) = warnings(found)
    assert line.startswith(
        "egress[0].labels: without labels the entry selects every pod of namespace shop"
    )


def test_pods_are_tried_through_their_service() -> None:
    found = looked_up([pods([3000, "admin"])], of=SHOP)
    assert [probe.line for probe in found.probes if probe.name == "web"] == [
        "reach tcp 10.43.0.60 80 web",
        "reach tcp 10.43.0.60 81 web",
    ]


def test_pods_without_a_service_are_tried_at_one_that_is_ready() -> None:
    found = looked_up([pods(8443)], of=SHOP)
    assert [probe.line for probe in found.probes if probe.name == "web"] == [
        "reach tcp 10.42.0.8 8443 web"
    ]


def test_pods_that_are_not_there_are_only_listed() -> None:
    found = looked_up([pods(labels={"app": "wbe"})], of=SHOP)
    assert [probe.line for probe in found.probes if probe.name == "web"] == [
        "reach tcp shop/app=wbe 3000 web"
    ]


def test_forbidden_pods_that_are_also_allowed_are_an_error_that_names_both() -> None:
    never = {"name": "never", "service": "shop/web", "port": 80}
    found = looked_up([pods([3000, 5000])], [never], of=SHOP)
    assert found.policy is None
    (line,) = map(str, found.errors)
    assert line.startswith(
        "mustNotReach[0]: never (shop/app=web 3000/tcp): overlaps with egress[0]"
    )


def test_a_named_port_overlaps_with_its_number_and_with_no_other() -> None:
    never = {"name": "never", "service": "shop/web", "port": 81}
    found = looked_up([pods(9000)], [never], of=SHOP)
    assert "overlaps with egress[0]: web" in str(found.errors[0])
    assert looked_up([pods(3000)], [never], of=SHOP).errors == ()
    named = {"name": "named", **{k: v for k, v in pods("admin").items() if k != "name"}}
    assert looked_up([pods(3000)], [named], of=SHOP).errors == ()
