"""newt's second network: only where the stack file names a container, and caged before newt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.components.nas import (
    CONTAINER,
    OWNER,
    RULES,
    SERVICES,
    Host,
    as_left,
    declared_files,
    deploy,
)
from tests.unit.components.recording import Recording

GUARDED = f"{SERVICES}-guarded"
BY_NAME: Mapping[str, Any] = {
    "egress": [{"name": "immich", "container": "immich-server", "port": 2283}]
}


@pytest.fixture(scope="module")
def by_name() -> Recording:
    return deploy(BY_NAME)


def test_without_a_container_in_the_file_there_is_no_second_network(nas: Recording) -> None:
    assert SERVICES not in {resource.name for resource in nas.resources}
    assert len(nas.named(CONTAINER).inputs["networksAdvanced"]) == 1
    assert "\nservice" not in declared_files(nas)["declaration"]


def test_the_network_is_internal_and_newt_has_an_address_that_docker_gives_to_nobody(
    by_name: Recording,
) -> None:
    assert by_name.named(SERVICES).inputs == {
        "name": "newt-services",
        "driver": "bridge",
        "internal": True,
        "attachable": False,
        "ipv6": False,
        "ipamConfigs": [
            {"subnet": "172.30.1.0/24", "gateway": "172.30.1.1", "ipRange": "172.30.1.0/25"}
        ],
        "labels": [{"label": "newt-tunnel.stack", "value": OWNER}],
        "options": {"com.docker.network.bridge.name": "br-newt-svc"},
    }
    assert by_name.named(CONTAINER).inputs["networksAdvanced"] == [
        {"name": "newt", "ipv4Address": "172.30.0.10"},
        {"name": "newt-services", "ipv4Address": "172.30.1.254"},
    ]


def test_newt_comes_when_the_frames_of_the_new_bridge_pass_the_rules(by_name: Recording) -> None:
    assert by_name.position(RULES) < by_name.position(SERVICES) < by_name.position(GUARDED)
    assert by_name.position(GUARDED) < by_name.position(CONTAINER)
    assert GUARDED in by_name.needs(CONTAINER)
    command = by_name.named(GUARDED).inputs
    assert command["create"].endswith("newt-egress --instance nas refresh")
    assert command["delete"].endswith("newt-egress --instance nas empty newt-services")


def test_another_network_and_bridge_are_those_that_the_rules_know() -> None:
    docker = {"services": {"network": "shared", "subnet": "192.168.9.0/26", "bridge": "br-s"}}
    recording = deploy({**BY_NAME, "docker": docker})
    declaration = declared_files(recording)["declaration"]
    for line in ("servicenetwork=shared", "servicebridge=br-s", "servicenewt=192.168.9.62"):
        assert f"\n{line}\n" in declaration
    assert recording.named(SERVICES).inputs["ipamConfigs"][0]["ipRange"] == "192.168.9.0/27"


def test_a_preview_says_where_each_container_is_and_warns_of_one_that_is_not(
    by_name: Recording,
) -> None:
    there = "immich-server: at 172.30.1.2, image ghcr.io/immich:v2, project immich"
    answer = as_left(by_name, containers=f"{there}; redis: not on newt-services")
    recording = deploy(BY_NAME, host=Host(answer), preview=True)
    assert any(there in message for message in recording.messages("info"))
    assert any("redis: not on newt-services" in m for m in recording.messages("warning"))
