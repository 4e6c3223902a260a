"""newt's network on the host, and whom newt asks for names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.components.nas import CONTAINER, NETWORK, OWNER, deploy
from tests.unit.components.recording import Recording

#: Everything in the example that ``dns: none`` refuses, by address.
BY_ADDRESS = {"egress": [{"name": "gitea", "host": "10.0.1.50", "port": 3000}]}


def test_the_network_is_newts_own_bridge_with_a_fixed_subnet(nas: Recording) -> None:
    assert nas.named(NETWORK).inputs == {
        "name": "newt",
        "driver": "bridge",
        "internal": False,
        "attachable": False,
        "ipv6": False,
        "ipamConfigs": [{"subnet": "172.30.0.0/24", "gateway": "172.30.0.1"}],
        "labels": [{"label": "newt-tunnel.stack", "value": OWNER}],
        "options": {
            "com.docker.network.bridge.name": "br-newt",
            "com.docker.network.bridge.enable_icc": "false",
        },
    }


def test_subnet_address_and_bridge_are_those_that_the_rules_know() -> None:
    recording = deploy(
        {"docker": {"subnet": "192.168.77.0/28", "newtAddress": "192.168.77.3", "bridge": "br-x"}}
    )
    network, container = recording.named(NETWORK).inputs, recording.named(CONTAINER).inputs
    assert network["ipamConfigs"] == [{"subnet": "192.168.77.0/28", "gateway": "192.168.77.1"}]
    assert network["options"]["com.docker.network.bridge.name"] == "br-x"
    assert container["networksAdvanced"] == [{"name": "newt", "ipv4Address": "192.168.77.3"}]


def test_newt_has_its_fixed_address_on_its_only_network(nas: Recording) -> None:
    inputs = nas.named(CONTAINER).inputs
    assert inputs["networksAdvanced"] == [{"name": "newt", "ipv4Address": "172.30.0.10"}]
    assert "networkMode" not in inputs, "with it Docker ignores the fixed address, silently"


def test_newt_asks_the_listed_resolvers_and_no_other(nas: Recording) -> None:
    inputs = nas.named(CONTAINER).inputs
    assert inputs["dns"] == ["10.0.1.53"]
    assert inputs["hosts"] == []


def test_resolvers_are_sorted_because_docker_forgets_their_order() -> None:
    inputs = deploy({"dns": ["10.0.1.53", "10.0.1.2"]}).named(CONTAINER).inputs
    assert inputs["dns"] == ["10.0.1.2", "10.0.1.53"]


def test_without_dns_newt_asks_itself_where_nothing_answers_and_knows_the_endpoint() -> None:
    addresses = {"pangolin": {"addresses": ["203.0.113.11", "203.0.113.10"]}}
    inputs = deploy({"dns": "none", **BY_ADDRESS, **addresses}).named(CONTAINER).inputs
    assert inputs["dns"] == ["172.30.0.10"], "left empty, Docker would ask the host's resolvers"
    assert inputs["hosts"] == [
        {"host": "pangolin.example.com", "ip": "203.0.113.10"},
        {"host": "pangolin.example.com", "ip": "203.0.113.11"},
    ]


def test_an_endpoint_without_a_name_needs_no_entry_in_hosts() -> None:
    pangolin = {"endpoint": "https://203.0.113.10", "addresses": None}
    inputs = deploy({"dns": "none", **BY_ADDRESS, "pangolin": pangolin}).named(CONTAINER).inputs
    assert inputs["hosts"] == []


def test_a_newt_that_may_ask_anybody_asks_a_public_resolver() -> None:
    assert deploy({"dns": "any"}).named(CONTAINER).inputs["dns"] == ["9.9.9.9"]


@pytest.mark.parametrize(
    "changes", [{}, {"dns": "any"}, {"dns": "none", **BY_ADDRESS}, {"dns": ["10.0.1.2"]}]
)
def test_dns_is_always_set(changes: dict[str, Any]) -> None:
    assert deploy(changes).named(CONTAINER).inputs["dns"], (
        "by default the daemon asks for newt, past every chain that sees newt's packets"
    )
