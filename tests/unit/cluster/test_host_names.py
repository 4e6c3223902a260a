"""Host names: every address of them, and no answer that would point newt at something."""

from __future__ import annotations

import socket
import threading
import time
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from newt_tunnel.cluster.lookup.host_names import MAX_ADDRESSES
from newt_tunnel.cluster.lookup.look_up import Lookup, host_names
from newt_tunnel.cluster.reading import name_resolution
from newt_tunnel.docker_host.programs import EGRESS
from newt_tunnel.egress.model import HostName
from tests.unit.cluster.home import HOME, answers, looked_up, rules
from tests.unit.cluster.test_outside import DUAL
from tests.unit.settings.example import ABSENT, cluster_settings

REPOSITORY = Path(__file__).parents[3]
NAS: dict[str, Any] = {"name": "nas", "host": "nas.lan", "port": 80}


def only_error(found: Lookup) -> str:
    assert found.policy is None
    (line,) = map(str, found.errors)
    return line


def test_every_address_of_a_name_gets_a_rule_and_a_line() -> None:
    found = looked_up([NAS], names=answers(nas_lan="10.0.1.7 10.0.1.8"))
    assert rules(found) == ["nas (10.0.1.7 80/tcp)", "nas (10.0.1.8 80/tcp)"]
    assert [str(line) for line in found.infos] == [
        "egress[0].host: resolved nas.lan -> 10.0.1.7",
        "egress[0].host: resolved nas.lan -> 10.0.1.8",
    ]


def test_ipv6_addresses_count_where_pods_have_ipv6() -> None:
    both = answers(nas_lan="10.0.1.7 fd00:1::7")
    assert rules(looked_up([NAS], names=both)) == ["nas (10.0.1.7 80/tcp)"]
    assert rules(looked_up([NAS], names=both, of=DUAL)) == [
        "nas (10.0.1.7 80/tcp)",
        "nas (fd00:1::7 80/tcp)",
    ]


def test_a_name_with_ipv6_only_is_an_error_where_pods_have_none() -> None:
    line = only_error(looked_up([NAS], names=answers(nas_lan="fd00:1::7")))
    assert "nas.lan has IPv6 addresses only" in line


def test_a_name_that_does_not_resolve_is_an_error() -> None:
    line = only_error(looked_up([NAS]))
    assert line.startswith("egress[0].host: nas.lan does not resolve on this machine; correct")


def test_a_forbidden_name_that_does_not_resolve_is_a_warning() -> None:
    found = looked_up([], [NAS])
    assert found.policy is not None
    assert "the proof cannot try it" in str(found.warnings[0])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1", "is loopback, link-local, multicast or reserved"),
        ("169.254.169.254", "is loopback, link-local, multicast or reserved"),
        ("224.0.0.251", "is loopback, link-local, multicast or reserved"),
        ("255.255.255.255", "is loopback, link-local, multicast or reserved"),
        ("0.0.0.0", "is loopback, link-local, multicast or reserved"),
        ("10.43.0.30", "belongs to the cluster's Services"),
        ("10.42.0.77", "belongs to the cluster's pods"),
        ("10.0.1.11", "is the Kubernetes API"),
        ("10.0.1.1", "is forbidden: mustNotReach router"),
        ("10.0.1.53", "is a resolver"),
    ],
)
def test_a_hostile_answer_is_refused_and_shown(address: str, said: str) -> None:
    router = {"name": "router", "host": "10.0.1.1", "port": 22}
    found = looked_up(
        [NAS], [router], names=answers(nas_lan=f"10.0.1.7 {address}"), dns=["10.0.1.53"]
    )
    assert f"nas.lan resolves to {address}, which {said}" in only_error(found)


@pytest.mark.parametrize("address", ["::1", "fe80::1", "ff02::1", "::ffff:10.0.1.1"])
def test_a_hostile_answer_over_ipv6_is_refused_too(address: str) -> None:
    found = looked_up([NAS], names=answers(nas_lan=address), of=DUAL)
    assert "is loopback, link-local, multicast or reserved" in only_error(found)


def test_a_name_may_not_lead_to_what_a_forbidden_name_leads_to() -> None:
    never = {"name": "vault", "host": "vault.lan", "port": 22}
    both = answers(nas_lan="10.0.1.9", vault_lan="10.0.1.9")
    assert "is forbidden: mustNotReach vault" in only_error(looked_up([NAS], [never], names=both))


def test_a_name_may_be_allowed_at_one_port_and_forbidden_at_another() -> None:
    never = {"name": "nas-ssh", "host": "nas.lan", "port": 22}
    found = looked_up([NAS], [never], names=answers(nas_lan="10.0.1.9"))
    assert rules(found) == ["nas (10.0.1.9 80/tcp)"]


def test_more_addresses_than_any_service_has_are_refused() -> None:
    many = [f"10.0.7.{n}" for n in range(65)]
    assert looked_up([NAS], names=answers(nas_lan=" ".join(many[:64]))).policy is not None
    assert only_error(looked_up([NAS], names=answers(nas_lan=" ".join(many)))) == (
        "egress[0].host: nas.lan resolves to 65 addresses, and a name may have 64; write those "
        "that are meant as entries of their own"
    )
    found = looked_up(
        [],
        names=answers(pangolin_example_com=" ".join(f"203.0.113.{n}" for n in range(65))),
        pangolin__addresses=ABSENT,
    )
    assert only_error(found).endswith("write those that are meant as pangolin.addresses")


def test_a_name_may_have_as_many_addresses_here_as_on_a_docker_host() -> None:
    program = EGRESS
    assert f"\nMAX_ADDRESSES={MAX_ADDRESSES} " in program


PANGOLIN = {"endpoint": "https://pangolin.example.com"}


def test_pangolins_name_may_resolve_to_public_addresses_only() -> None:
    public = looked_up([], pangolin=PANGOLIN, names=answers(pangolin_example_com="203.0.113.10"))
    assert public.policy is not None
    assert [str(rule) for rule in public.policy.allowed if rule.name == "pangolin"] == [
        "pangolin (203.0.113.10 443/tcp)",
        "pangolin (203.0.113.10 51820/udp)",
    ]
    private = looked_up([], pangolin=PANGOLIN, names=answers(pangolin_example_com="10.0.1.7"))
    line = only_error(private)
    assert line.startswith("pangolin.endpoint: pangolin.example.com resolves to 10.0.1.7")
    assert "write it in pangolin.addresses" in line


@pytest.mark.parametrize(
    "address",
    ["198.18.0.1", "192.0.0.8", "fec0::7", "2002:a00:107::1", "64:ff9b::c0a8:107", "fd00::7"],
)
def test_pangolins_name_may_not_resolve_to_what_may_be_inside(address: str) -> None:
    found = looked_up([], pangolin=PANGOLIN, names=answers(pangolin_example_com=address), of=DUAL)
    assert "is not public (" in only_error(found)


def test_pangolins_name_may_resolve_to_a_public_address_through_nat64() -> None:
    there = answers(pangolin_example_com="64:ff9b::909:909")
    assert looked_up([], pangolin=PANGOLIN, names=there, of=DUAL).policy is not None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("64:ff9b::a00:101", "holds 10.0.1.1, which is forbidden: mustNotReach router"),
        ("2002:a00:101::1", "holds 10.0.1.1, which is forbidden: mustNotReach router"),
        ("64:ff9b::a2a:4d", "holds 10.42.0.77, which belongs to the cluster's pods"),
        ("64:ff9b::a9fe:a9fe", "is loopback, link-local, multicast or reserved"),
        ("::10.0.1.7", "is loopback, link-local, multicast or reserved"),
    ],
)
def test_the_ipv4_address_in_an_ipv6_answer_is_judged(address: str, said: str) -> None:
    router = {"name": "router", "host": "10.0.1.1", "port": 22}
    found = looked_up([NAS], [router], names=answers(nas_lan=address), of=DUAL)
    assert said in only_error(found)


NODES = {**PANGOLIN, "nodes": ["earth.example.com", "203.0.113.22", "mars.example.com"]}


def test_every_address_of_every_node_is_allowed_and_tried() -> None:
    there = answers(
        pangolin_example_com="203.0.113.10",
        earth_example_com="203.0.113.20 203.0.113.21",
        mars_example_com="203.0.113.23",
    )
    found = looked_up([], pangolin=NODES, names=there)
    assert found.policy is not None, found.errors
    opened = {str(rule) for rule in found.policy.allowed if rule.name == "pangolin"}
    nodes = [f"203.0.113.{last}" for last in (20, 21, 22, 23)]
    assert opened == {
        "pangolin (203.0.113.10 443/tcp)",
        *(f"pangolin ({node} {port})" for node in nodes for port in ("51820/udp", "80/tcp")),
    }
    tried = [probe.line for probe in found.probes if probe.name == "pangolin"]
    assert len(tried) == len(opened)


def test_nodes_may_resolve_to_public_addresses_only_and_all_of_them_must() -> None:
    private = answers(
        pangolin_example_com="203.0.113.10",
        earth_example_com="10.0.1.7",
        mars_example_com="203.0.113.23",
    )
    line = only_error(looked_up([], pangolin=NODES, names=private))
    assert line.startswith("pangolin.nodes: earth.example.com resolves to 10.0.1.7, which is not")
    assert "write it in pangolin.nodes" in line
    gone = {**private, HostName("earth.example.com"): ()}
    line = only_error(looked_up([], pangolin=NODES, names=gone))
    assert line.startswith("pangolin.nodes: earth.example.com does not resolve on this machine")
    assert line.endswith("; or list the nodes without it")


def test_a_node_that_is_written_as_an_address_may_be_private() -> None:
    nodes = {"endpoint": "https://203.0.113.10", "nodes": ["10.0.1.7"]}
    found = looked_up([], pangolin=nodes)
    assert found.policy is not None, found.errors
    pod = looked_up([], pangolin={**nodes, "nodes": ["10.42.0.77"]})
    assert only_error(pod).startswith("pangolin.nodes: 10.42.0.77 is among the cluster's pods")


def test_only_names_that_need_it_are_asked_for() -> None:
    assert host_names(cluster_settings()) == ()
    asked = cluster_settings(
        {"pangolin.addresses": ABSENT, "egress": [NAS], "mustNotReach": ["vault.lan:22:tcp"]}
    )
    assert host_names(asked) == ("nas.lan", "pangolin.example.com", "vault.lan")
    asked = cluster_settings({"pangolin.nodes": ["earth.example.com", "203.0.113.20"]})
    assert host_names(asked) == ("earth.example.com",)


# asking this machine's resolver


def test_all_addresses_of_all_names_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        if host != "nas.lan.":
            raise socket.gaierror(socket.EAI_NONAME)
        return [
            (socket.AF_INET6, 1, 6, "", ("fe80::7%eth0", 0, 0, 2)),
            (socket.AF_INET6, 1, 6, "", ("fd00::7", 0, 0, 0)),
            (socket.AF_INET, 1, 6, "", ("10.0.1.7", 0)),
            (socket.AF_INET, 1, 6, "", ("10.0.1.7", 0)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert name_resolution.resolve([HostName("nas.lan"), HostName("gone.lan")]) == {
        "nas.lan": (IPv4Address("10.0.1.7"), IPv6Address("fd00::7"), IPv6Address("fe80::7")),
        "gone.lan": (),
    }


def test_names_are_asked_as_they_are_written_without_a_search_domain(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME)

    hosts = tmp_path / "hosts"
    hosts.write_text("10.0.1.9 NAS.lan nas # tv.lan\nfe80::9%eth0 nas.lan\nnot-one tv.lan\n\n# \n")
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(name_resolution, "HOSTS_FILE", hosts)
    assert name_resolution.resolve([HostName("nas.lan"), HostName("tv.lan"), HostName("nas")]) == {
        "nas": (IPv4Address("10.0.1.9"),),
        "nas.lan": (IPv4Address("10.0.1.9"), IPv6Address("fe80::9")),
        "tv.lan": (),
    }
    assert asked == ["tv.lan."]


def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[tuple[Any, ...]]:
        released.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(name_resolution, "TIMEOUT_SECONDS", 0.1)
    started = time.monotonic()
    assert name_resolution.resolve([HostName("nas.lan"), HostName("tv.lan")]) == {
        "nas.lan": (),
        "tv.lan": (),
    }
    assert time.monotonic() - started < 5
    released.set()


def test_nothing_is_asked_for_nothing() -> None:
    assert name_resolution.resolve([]) == {}
    assert HOME.api
