"""Private resources: what newt dials for Pangolin's clients."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.blueprint.given import exposed, fault, faults, found, notes, private


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"tcp_ports": ""},
        {"udp_ports": "53,100-200"},
        {"mode": "http", "destination_port": 80, "tcp_ports": None, "udp_ports": None},
        {"mode": "ssh", "tcp_ports": "*"},
        {"enabled": False},
        {"site": "elsewhere"},
    ],
    ids=str,
)
def test_an_opt_in_for_a_resource_without_a_star_is_an_error(keys: dict[str, Any]) -> None:
    document = private(**keys)
    assert faults(document, site="nas") == []
    assert fault(document, site="nas", all_ports=frozenset({"box"})) == (
        'allPorts: has no ports "*" in the blueprint; take it out'
    )
    document["client-resources"] = document.pop("private-resources")
    assert "has no ports" in fault(document, site="nas", all_ports=frozenset({"box"}))


@pytest.mark.parametrize(
    "keys",
    [{"tcp_ports": "*"}, {"udp_ports": " * "}, {"tcp_ports": "*", "enabled": False}],
    ids=str,
)
def test_an_opt_in_for_a_star_holds_also_while_the_resource_is_off(keys: dict[str, Any]) -> None:
    assert faults(private(**keys), all_ports=frozenset({"box"})) == []


def test_a_host_is_its_destination_and_ports() -> None:
    assert exposed(private()) == ["10.0.1.77 22/tcp"]
    document = private(tcp_ports="443, 22,8000-9000", udp_ports="53")
    assert exposed(document) == ["10.0.1.77 22,443,8000-9000/tcp", "10.0.1.77 53/udp"]


def test_a_block_is_a_block() -> None:
    document = private(mode="cidr", destination="10.0.1.0/28")
    assert exposed(document) == ["10.0.1.0/28 22/tcp"]
    assert found(document).exposures[0].is_block


def test_ports_that_touch_or_overlap_are_one_range() -> None:
    assert exposed(private(tcp_ports="80,81,80-90,22")) == ["10.0.1.77 22,80-90/tcp"]


def test_no_ports_are_no_target() -> None:
    assert exposed(private(tcp_ports="", udp_ports="")) == []


@pytest.mark.parametrize(("key", "other"), [("tcp-ports", "udp-ports"), ("udp-ports", "tcp-ports")])
@pytest.mark.parametrize("ports", ["*", " * ", None])
def test_every_port_is_an_error_also_where_it_is_only_the_default(
    key: str, other: str, ports: str | None
) -> None:
    document = private(**{other: "22"})
    resource = document["private-resources"]["box"]
    if ports is None:
        del resource[key]
    else:
        resource[key] = ports
    line = fault(document)
    assert line.startswith(f"private-resources.box.{key}: ")
    assert 'write the ports, or "" for none, or name box in the stack\'s blueprint.allPorts' in line


def test_every_port_is_allowed_for_resources_that_are_named() -> None:
    document = private(tcp_ports="*", udp_ports="*")
    assert exposed(document, all_ports=frozenset({"box"})) == [
        "10.0.1.77 1-65535/tcp",
        "10.0.1.77 1-65535/udp",
    ]
    document["private-resources"]["other"] = dict(document["private-resources"]["box"])
    assert len(faults(document, all_ports=frozenset({"box"}))) == 2, "not for any other"


def test_naming_a_resource_that_is_not_there_is_an_error() -> None:
    assert fault(private(), all_ports=frozenset({"bx"})) == (
        "allPorts: is no private resource of the blueprint; take it out"
    )


@pytest.mark.parametrize(
    "ports", [22, "22;23", "a", "0", "65536", "9-1", "1-", "-1", "22,", "*,22", ["22"], "२"]
)
def test_ports_that_are_none_are_an_error(ports: object) -> None:
    assert fault(private(tcp_ports=ports)).startswith("private-resources.box.tcp-ports: ")


def test_http_is_its_destination_port() -> None:
    document = private(mode="http", destination="web.lan", destination_port=8080)
    assert exposed(document) == ["web.lan 8080/tcp"]
    assert "write the port" in fault(private(mode="http"))


def test_ssh_is_its_port_and_nothing_else_that_the_resource_lets_through() -> None:
    assert exposed(private(mode="ssh", tcp_ports="*", udp_ports="*")) == ["10.0.1.77 22/tcp"]
    assert exposed(private(mode="ssh", destination_port=2222)) == ["10.0.1.77 2222/tcp"]


def test_newts_own_ssh_server_dials_nothing() -> None:
    native = private(mode="ssh", auth_daemon={"mode": "native"})
    without = private(mode="ssh")
    del without["private-resources"]["box"]["destination"]
    for document in (native, without):
        assert exposed(document) == []
        assert "newt's own SSH server" in notes(document)[0]


def test_a_remote_auth_daemon_stays_shut() -> None:
    document = private(mode="ssh", auth_daemon={"mode": "remote", "port": 22123})
    assert exposed(document) == ["10.0.1.77 22/tcp"]
    assert found(document).notes[0].is_warning


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("gateway", "lets clients go anywhere"), ("inference", "leads to providers")],
)
def test_what_leads_anywhere_is_refused(mode: str, reason: str) -> None:
    assert fault(private(mode=mode)).startswith(f"private-resources.box.mode: {reason}")


@pytest.mark.parametrize("mode", ["gateway", "inference", "tcp", None])
def test_what_is_disabled_or_elsewhere_is_not_even_judged(mode: str | None) -> None:
    for keys in ({"enabled": False}, {"site": "shop"}, {"sites": ["shop", "barn"]}):
        assert exposed(private(mode=mode, **keys), site="nas") == []


def test_an_unknown_or_missing_mode_is_an_error() -> None:
    assert "write host, cidr, http, ssh" in fault(private(mode="port"))
    assert "write host, cidr, http or ssh" in fault(private(mode=None))


@pytest.mark.parametrize(
    ("keys", "is_ours"),
    [
        ({}, True),
        ({"site": "nas"}, True),
        ({"sites": ["shop", "nas"]}, True),
        ({"site": "shop", "sites": ["nas"]}, True),
        ({"sites": []}, True),
        ({"site": "shop"}, False),
        ({"sites": ["shop"]}, False),
    ],
)
def test_it_is_ours_when_any_of_its_sites_is(keys: dict[str, Any], is_ours: bool) -> None:
    assert bool(exposed(private(**keys), site="nas")) is is_ours


def test_a_site_is_an_error_where_the_stack_does_not_say_which_is_its_own() -> None:
    assert "blueprint.site" in fault(private(sites=["nas"]))


@pytest.mark.parametrize("sites", ["nas", [1], [None], [""], ["a\nb"], ["$(x)"], {"nas": 1}])
def test_sites_that_are_no_list_of_names_are_an_error(sites: object) -> None:
    assert fault(private(sites=sites), site="nas").startswith("private-resources.box.sites")


def test_a_destination_is_needed() -> None:
    assert "write the address or name" in fault(private(destination=None))
    assert "write the block" in fault(private(mode="cidr", destination=""))


def test_the_section_has_an_old_name() -> None:
    document = {"client-resources": private()["private-resources"]}
    assert exposed(document) == ["10.0.1.77 22/tcp"]
