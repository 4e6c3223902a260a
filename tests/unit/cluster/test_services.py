"""A Service is followed to its pods and their port, whatever it looks like."""

from __future__ import annotations

from typing import Any

import pytest

from newt_tunnel.cluster.lookup.look_up import Lookup
from newt_tunnel.cluster.reading.snapshot import EndpointPort, Snapshot
from tests.unit.cluster.home import (
    HOME,
    leads,
    looked_up,
    pod,
    port,
    rules,
    service,
    slice_of,
    with_objects,
)


def web(number: Any = 80, **more: Any) -> dict[str, Any]:
    return {"name": "web", "service": "shop/web", "port": number, **more}


def shop(*ports: Any, at: str = "10.43.0.60", **more: Any) -> Snapshot:
    """A Service shop/web in front of one pod that listens on 8080 and, as `admin`, on 9000."""
    return with_objects(
        service("shop/web", "app=web", *ports, at=at, **more),
        pod("shop/web-1", "app=web", "10.42.0.7", port(8080, "http"), port(9000, "admin")),
    )


def only_error(lookup: Lookup) -> str:
    assert lookup.policy is None, "no rule is guessed"
    (found,) = lookup.errors
    return str(found)


def test_a_services_port_becomes_the_pods_port() -> None:
    found = looked_up([web()], of=shop(leads(80, 8080)))
    assert rules(found) == ["web (shop/app=web 8080/tcp)"]
    assert str(found.infos[0]) == (
        "egress[0]: shop/web 80/tcp leads to pods shop/app=web, port 8080"
    )


def test_a_named_target_port_stays_a_name_and_its_number_is_known() -> None:
    found = looked_up([web()], of=shop(leads(80, "http")))
    assert rules(found) == ["web (shop/app=web http (8080)/tcp)"]
    assert found.policy is not None
    assert str(found.infos[0]).endswith("leads to pods shop/app=web, port http (8080)")
    (port_name,) = found.policy.allowed[-1].port_names
    assert port_name.numbers == (8080,)


def test_several_ports_become_one_rule() -> None:
    found = looked_up([web([80, 81])], of=shop(leads(80, "http", "a"), leads(81, 9000, "b")))
    assert rules(found) == ["web (shop/app=web 9000,http (8080)/tcp)"]


def test_a_services_port_may_be_meant_by_its_name() -> None:
    found = looked_up([web("front")], of=shop(leads(80, 8080, "front"), leads(81, 9000, "back")))
    assert rules(found) == ["web (shop/app=web 8080/tcp)"]


def test_only_the_meant_protocol_counts() -> None:
    both = shop(leads(53, 8053, "udp", protocol="UDP"), leads(53, 8080, "tcp"))
    assert rules(looked_up([web(53)], of=both)) == ["web (shop/app=web 8080/tcp)"]
    udp = looked_up([web(53, protocol="UDP")], of=both)
    assert rules(udp) == ["web (shop/app=web 8053/udp)"]


@pytest.mark.parametrize(
    ("ports", "written", "said"),
    [
        ([leads(80, 8080)], 443, "egress[0].port: shop/web has no port 443; it has 80/TCP"),
        ([leads(80, 8080)], 8080, "that is the pods' port behind 80, so write 80"),
        ([leads(80, 8080)], "http", "egress[0].port: shop/web has no port http; it has 80/TCP"),
        ([leads(80, 8080, "a"), leads(81, 1, "b")], 82, "it has 80/TCP (a), 81/TCP (b)"),
        ([leads(80, 8080, protocol="UDP")], 80, "has 80 for UDP only; correct the protocol"),
        ([], 80, "shop/web has no port 80; it has none"),
    ],
)
def test_a_port_that_the_service_lacks_is_an_error_that_lists_those_it_has(
    ports: list[Any], written: object, said: str
) -> None:
    assert said in only_error(looked_up([web(written)], of=shop(*ports)))


def test_a_missing_service_is_an_error_that_lists_those_there_are() -> None:
    there = with_objects(service("shop/webshop", "app=web", leads(80, 8080), at="10.43.0.60"))
    line = only_error(looked_up([web()], of=there))
    assert line.startswith("egress[0].service: there is no Service web in namespace shop")
    assert "which has webshop" in line


def test_a_missing_namespace_is_an_error_of_its_own() -> None:
    line = only_error(looked_up([web(service="shpo/web")]))
    assert "there is no namespace shpo" in line


def test_what_is_forbidden_but_not_there_is_a_warning_that_it_cannot_be_tried() -> None:
    found = looked_up([], [web()])
    assert found.policy is not None
    (line,) = map(str, found.warnings)
    assert line.startswith("mustNotReach[0].service: there is no Service web")
    assert line.endswith("the proof cannot try it")


def test_an_external_name_is_an_error_that_says_what_to_write() -> None:
    line = only_error(looked_up([web()], of=shop(at="", external_name="shop.example.com")))
    assert "write `host: shop.example.com`" in line


def test_a_headless_service_is_followed_and_its_real_port_is_named() -> None:
    found = looked_up([web()], of=shop(leads(80, 8080), at=""))
    assert rules(found) == ["web (shop/app=web 8080/tcp)"]
    (line,) = map(str, found.warnings)
    assert "is headless" in line
    assert "in Pangolin write their port 8080, not 80" in line


def test_a_service_without_selector_gives_its_endpoints_addresses() -> None:
    nas = with_objects(
        service("shop/web", "", leads(80, 8080, "http"), leads(81, 8081, "admin"), at="10.43.0.60"),
        slice_of(
            "shop/web",
            "10.0.1.7 10.0.1.8",
            EndpointPort(port=8096, name="http"),
            EndpointPort(port=9000, name="admin"),
        ),
    )
    found = looked_up([web()], of=nas)
    assert rules(found) == ["web (10.0.1.7 8096/tcp)", "web (10.0.1.8 8096/tcp)"]
    assert "run pulumi up when they change" in str(found.infos[0])
    assert [probe.line for probe in found.probes if probe.name == "web"] == [
        "reach tcp 10.43.0.60 80 web",
        "reach tcp 10.0.1.7 8096 web",
        "reach tcp 10.0.1.8 8096 web",
    ]


def test_a_service_without_selector_and_endpoints_is_an_error_with_a_remedy() -> None:
    empty = with_objects(service("shop/web", "", leads(80, 8080), at="10.43.0.60"))
    line = only_error(looked_up([web()], of=empty))
    assert "no selector and no endpoints" in line
    assert "write the target as `host:`" in line


def test_the_apis_own_service_can_never_be_a_target() -> None:
    line = only_error(looked_up([web(443, service="default/kubernetes")]))
    assert "is or contains the Kubernetes API (10.0.1.11:6443)" in line


def test_a_service_whose_pods_are_not_there_is_a_warning() -> None:
    bare = with_objects(service("shop/web", "app=web", leads(80, 8080), at="10.43.0.60"))
    found = looked_up([web()], of=bare)
    assert rules(found) == ["web (shop/app=web 8080/tcp)"]
    assert "no pod of namespace shop has the labels app=web now" in str(found.warnings[0])


def test_a_named_target_port_that_no_container_has_is_a_warning() -> None:
    found = looked_up([web()], of=shop(leads(80, "web")))
    assert "no container of these pods calls a port web; they have http, admin" in str(
        found.warnings[0]
    )


def test_pods_in_their_nodes_network_are_allowed_by_address() -> None:
    home = with_objects(
        service("shop/web", "app=web", leads(80, "http"), at="10.43.0.60"),
        pod("shop/web-1", "app=web", "10.0.1.11", port(8080, "http"), host_network=True),
    )
    found = looked_up([web()], of=home)
    assert rules(found) == ["web (shop/app=web http (8080)/tcp)", "web (10.0.1.11 8080/tcp)"]
    assert "use their node's network" in str(found.warnings[0])


def test_the_example_finds_home_assistants_named_port() -> None:
    found = looked_up(None, None)
    assert rules(found) == [
        "gitea (gitea/app.kubernetes.io/component=gitea 3000/tcp)",
        "homeassistant (homeassistant/app=ha http (8123)/tcp)",
        "printer (10.0.1.200 631/tcp)",
    ]
    assert found.policy is not None
    assert [str(rule) for rule in found.policy.forbidden] == [
        "grafana (monitoring/app=grafana 3000/tcp)",
        "postgres (databases/app=postgres 5432/tcp)",
        "router (10.0.1.1 80/tcp)",
    ]
    assert found.errors == found.warnings == ()
    assert HOME.api_service is not None
