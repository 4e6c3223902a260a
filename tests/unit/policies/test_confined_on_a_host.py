"""`newt-is-confined` and `confinement-is-known` on a Docker host: a firewall counts only for the
newt that it guards.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from newt_tunnel.docker_host.programs import EGRESS
from tests.unit.components.nas import HOST_KEY
from tests.unit.components.recording import UNKNOWN
from tests.unit.policies.judging import (
    Data,
    by_hand,
    changed,
    container,
    everything,
    findings,
    made_by,
    named,
    provider,
)
from tests.unit.policies.recorder import as_data, recorded, run

RULE = "newt-is-confined"
KNOWN = "confinement-is-known"
RULES = "newt-tunnel-firewall-rules"
CONTAINER = "newt-tunnel-newt-container"
NETWORK = "newt-tunnel-newt-network"
HOST = "newt-tunnel-newt-host"
SERVICES = "newt-tunnel-newt-services"
BY_NAME = {"name": "immich", "container": "immich-server", "port": 2283}
BRIDGE = "com.docker.network.bridge.name"
Change = Callable[[dict[str, Any]], object]


def with_declaration(old: str, new: str) -> Change:
    return lambda found: found.update(stdin=found["stdin"].replace(old, new))


def with_bridge(name: object) -> Change:
    return lambda found: found["options"].update({BRIDGE: name})


@pytest.mark.parametrize("name", ["nas-preview", "nas-update"])
@pytest.mark.parametrize(
    ("resource", "change", "place"),
    [
        # Another machine.
        (RULES, lambda found: found["connection"].update(host="10.0.1.11"), "provider"),
        (RULES, lambda found: found["connection"].update(port=2222), "provider"),
        (RULES, lambda found: found["connection"].update(proxy={"host": "jump"}), "provider"),
        (HOST, lambda found: found.update(host="ssh://admin@10.0.1.11:22"), "provider"),
        (HOST, lambda found: found.update(host="ssh://admin@10.0.1.10:2222"), "provider"),
        (HOST, lambda found: found.update(host="tcp://10.0.1.11:2376"), "provider"),
        (HOST, lambda found: found.update(host="unix:///var/run/docker.sock"), "provider"),
        (HOST, lambda found: found.update(host=None), "provider"),
        (HOST, lambda found: found.update(sshOpts='["-J", "jump"]'), "provider"),
        (HOST, lambda found: found.update(sshOpts=["-o", "HostName=10.0.1.11"]), "provider"),
        (HOST, lambda found: found.update(sshOpts=["-oPort=2222"]), "provider"),
        # Another network beside ours, or in its place.
        (CONTAINER, lambda found: found.update(networkMode="lan-macvlan"), "networkMode"),
        (CONTAINER, lambda found: found.update(networkMode="newt"), "networkMode"),
        (CONTAINER, lambda found: found.update(networkMode="host"), "networkMode"),
        (CONTAINER, lambda found: found.update(networkMode="none"), "networkMode"),
        (CONTAINER, lambda found: found.update(networkMode="container:other"), "networkMode"),
        (CONTAINER, lambda found: found.update(networksAdvanced=[]), "networksAdvanced"),
        # Our network's name on another bridge.
        (NETWORK, with_bridge("br-other"), "networksAdvanced"),
        (NETWORK, lambda found: found.update(options={}), "networksAdvanced"),
        (NETWORK, lambda found: found.update(driver="macvlan"), "networksAdvanced"),
        (NETWORK, lambda found: found.update(name="other"), "networksAdvanced"),
        (RULES, with_declaration("\nbridge=br-newt\n", "\nbridge=br-other\n"), "networksAdvanced"),
        # A declaration that does not say what it guards.
        (RULES, with_declaration("\nnetwork=newt\n", "\n"), "networksAdvanced"),
        (RULES, with_declaration("\nnewt=172.30.0.10\n", "\n"), "networksAdvanced"),
        (RULES, with_declaration("\nbridge=br-newt\n", "\n"), "networksAdvanced"),
        (RULES, lambda found: found.update(stdin=EGRESS), "networksAdvanced"),
        (RULES, with_declaration("END-OF-DECLARATION", "END-OF-REMARK"), "networksAdvanced"),
    ],
)
def test_a_firewall_that_does_not_guard_this_newt_is_no_cage(
    name: str, resource: str, change: Change, place: str
) -> None:
    (line,) = findings(RULE, changed(name, resource, change))
    assert line.startswith(f"{CONTAINER}: {place}: ")
    assert f"{RULES} guards " in line, "it says which firewall it looked at"


@pytest.mark.parametrize(
    ("resource", "change"),
    [
        (HOST, lambda found: found.update(host="ssh://admin@10.0.1.10")),
        (HOST, lambda found: found.update(host="tcp://10.0.1.10:2376")),
        (HOST, lambda found: found.update(sshOpts=["-o", "ProxyUseFdpass=no", "-i", "key"])),
        (CONTAINER, lambda found: found.update(networkMode="bridge")),
        (CONTAINER, lambda found: found.update(networkMode="")),
        (NETWORK, lambda found: found.update(driver=None)),
    ],
)
def test_the_same_host_and_network_in_other_words_are_a_cage(resource: str, change: Change) -> None:
    assert findings(RULE, changed("nas-update", resource, change)) == []


def test_a_hosts_name_may_have_capital_letters() -> None:
    data = recorded("nas-update")
    for host in ("NAS.lan", "nas.lan"):
        named(data, RULES)["outputs"]["connection"]["host"] = host
        named(data, HOST)["outputs"]["host"] = "ssh://admin@NAS.lan:22"
        assert findings(RULE, data) == []


@pytest.mark.parametrize(
    "docker",
    [
        {"firewall": "nftables"},
        {"hook": "docker-user"},
        {"persistence": "none"},
        {"bridge": "br-other", "subnet": "172.31.0.0/24"},
        {"address": "10.0.1.99", "user": "admin", "port": 2222, "sudo": True},
    ],
)
@pytest.mark.parametrize("preview", [True, False])
def test_the_program_confines_newt_in_every_arrangement(
    docker: dict[str, Any], preview: bool
) -> None:
    written = {"address": "10.0.1.10", "hostKey": HOST_KEY} | docker
    data = as_data(run("nas", {"docker": written}, preview=preview))
    assert set(everything(data)) == {"image-has-digest"}


@pytest.mark.parametrize("preview", [True, False])
def test_a_newt_that_reaches_containers_is_confined_on_both_of_its_networks(preview: bool) -> None:
    data = as_data(run("nas", {"egress": [BY_NAME]}, preview=preview))
    assert set(everything(data)) == {"image-has-digest"}
    newt = named(data, CONTAINER)["outputs"]
    newt["networksAdvanced"].append({"name": "lan"})
    assert findings(RULE, data)


def test_a_network_of_services_on_another_bridge_is_no_cage() -> None:
    data = as_data(run("nas", {"egress": [BY_NAME]}, preview=False))
    named(data, SERVICES)["outputs"]["options"][BRIDGE] = "br-other"
    assert findings(RULE, data)


def test_a_command_that_does_something_else_at_an_update_is_no_firewall() -> None:
    data = changed("nas-update", RULES, lambda found: found.update(update="true"))
    (line,) = findings(RULE, data)
    assert line.startswith(f"{CONTAINER}: dependsOn: no firewall of newt-tunnel")


def test_a_network_on_another_host_shows_nothing_of_the_bridge_on_this_one() -> None:
    data = recorded("nas-update")
    other = provider("docker", "other", host="ssh://admin@10.0.1.11:22")
    data = [made_by(one, other) if one["name"] == NETWORK else one for one in data]
    (line,) = findings(RULE, [*data, other])
    assert line.startswith(f"{CONTAINER}: networksAdvanced: newt (172.30.0.10): ")
    assert "declare the network in this stack and on the same host" in line


def test_a_second_newt_on_another_host_is_not_guarded_by_the_firewall_of_the_first() -> None:
    data = recorded("nas-update")
    other = provider("docker", "other", host="ssh://admin@10.0.1.11:22")
    second = made_by(copy.deepcopy(named(data, CONTAINER)), other) | {"name": "second", "urn": "x"}
    (line,) = findings(RULE, [*data, other, second])
    assert line.startswith("second: provider: ssh://admin@10.0.1.11:22: ")
    assert "guards 10.0.1.10, and nothing shows that this is the same machine" in line


def test_a_firewall_of_another_host_beside_the_right_one_does_no_harm() -> None:
    data = recorded("nas-update")
    other = copy.deepcopy(named(data, RULES)) | {"name": "other", "urn": "other"}
    other["outputs"]["connection"]["host"] = "10.0.1.11"
    named(data, CONTAINER)["needs"].insert(0, "other")
    assert findings(RULE, [*data, other]) == []


def unknown(resource: str, *path: str) -> tuple[Data, str]:
    """The first preview, with one value more that it does not know; and what it is."""

    def forget(properties: dict[str, Any]) -> None:
        place = properties
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = UNKNOWN

    return changed("nas-preview", resource, forget), ".".join((resource, *path))


@pytest.mark.parametrize(
    ("resource", "path", "place"),
    [
        (RULES, ("connection",), "provider"),
        (RULES, ("connection", "host"), "provider"),
        (RULES, ("stdin",), "networksAdvanced"),
        (HOST, ("host",), "provider"),
        (HOST, ("sshOpts",), "provider"),
        (NETWORK, ("name",), "networksAdvanced"),
        (NETWORK, ("options",), "networksAdvanced"),
        (NETWORK, ("options", BRIDGE), "networksAdvanced"),
        (CONTAINER, ("networkMode",), "networkMode"),
        (CONTAINER, ("networksAdvanced",), "networksAdvanced"),
    ],
)
def test_what_a_preview_does_not_know_is_said_and_judged_by_the_update(
    resource: str, path: tuple[str, ...], place: str
) -> None:
    data, what = unknown(resource, *path)
    assert findings(RULE, data) == [], what
    lines = findings(KNOWN, data)
    assert lines[0].startswith(f"{CONTAINER}: {place}: is not known before the update"), what


def test_what_is_wrong_for_certain_is_found_though_something_else_is_not_known() -> None:
    def change(properties: dict[str, Any]) -> None:
        properties.update(networkMode="lan-macvlan", networksAdvanced=UNKNOWN)

    data = changed("nas-preview", CONTAINER, change)
    assert len(findings(RULE, data)) == 1
    assert findings(KNOWN, data) == [], "the finding says enough"


def test_a_service_of_a_swarm_has_no_cage_wherever_it_runs() -> None:
    spec = {"containerSpec": {"image": "fosrl/newt:1.16.0"}}
    newt = by_hand("docker:index/service:Service", {"name": "newt", "taskSpec": spec})
    (line,) = findings(RULE, [newt])
    assert line.startswith("bare: taskSpec: a service of a swarm: ")
    assert findings(KNOWN, [newt]) == []


def test_a_container_without_any_network_is_confined_and_one_that_may_have_one_is_not() -> None:
    assert findings(RULE, [container(networkMode="none", networksAdvanced=[])]) == []
    for networks in ([{"name": "lan"}], UNKNOWN):
        newt = container(networkMode="none", networksAdvanced=networks)
        assert len(findings(RULE, [newt])) == 1
