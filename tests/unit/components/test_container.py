"""newt's container: what it may do, what it gets, and what it must never have."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.components.nas import (
    CONTAINER,
    IMAGE,
    IMAGE_ID,
    NETWORK,
    OWNER,
    PROVISIONING,
    REVISION,
    VOLUME,
    deploy,
)
from tests.unit.components.recording import Recording


def _container(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    return deploy(changes).named(CONTAINER).inputs


# --- confinement -----------------------------------------------------------------------------


def test_newt_is_nobody_and_gains_no_privileges(nas: Recording) -> None:
    inputs = nas.named(CONTAINER).inputs
    assert inputs["user"] == "65534:65534"
    assert inputs["securityOpts"] == ["no-new-privileges"]


def test_newt_has_no_capability(nas: Recording) -> None:
    assert nas.named(CONTAINER).inputs["capabilities"] == {"drops": ["ALL"]}


def test_newt_has_net_raw_only_when_it_is_listed() -> None:
    inputs = _container({"newt": {"capabilities": ["NET_RAW"]}})
    assert inputs["capabilities"] == {"drops": ["ALL"], "adds": ["CAP_NET_RAW"]}, (
        "Docker spells it CAP_NET_RAW; any other spelling is a difference that never ends"
    )


def test_newt_writes_nowhere_but_into_a_small_temporary_folder(nas: Recording) -> None:
    inputs = nas.named(CONTAINER).inputs
    assert inputs["readOnly"] is True
    assert inputs["tmpfs"] == {"/tmp": "rw,noexec,nosuid,size=16m"}
    assert all(mount["readOnly"] for mount in inputs["mounts"])


@pytest.mark.parametrize("memory", [128, 64])
def test_newt_cannot_take_more_memory_than_it_is_given_nor_swap(memory: int) -> None:
    inputs = _container({"newt": {"resources": {"memory": memory}}})
    assert inputs["memory"] == inputs["memorySwap"] == memory


def test_a_processor_limit_is_there_when_it_is_asked_for(nas: Recording) -> None:
    assert "cpus" not in nas.named(CONTAINER).inputs
    assert _container({"newt": {"resources": {"cpus": 0.5}}})["cpus"] == "0.5"
    assert _container({"newt": {"resources": {"cpus": 2}}})["cpus"] == "2"


#: Every input that is set, and nothing besides: each of the others would have to be argued for.
INPUTS = {
    "capabilities",
    "destroyGraceSeconds",
    "dns",
    "envs",
    "healthcheck",
    "hosts",
    "image",
    "labels",
    "logDriver",
    "logOpts",
    "memory",
    "memorySwap",
    "mounts",
    "mustRun",
    "name",
    "networksAdvanced",
    "readOnly",
    "restart",
    "securityOpts",
    "tmpfs",
    "user",
}


def test_the_container_gets_nothing_that_is_not_on_this_list(nas: Recording) -> None:
    """No privileged, devices, ports, volumes, uploads, pid or ipc mode among them."""
    assert set(nas.named(CONTAINER).inputs) == INPUTS


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"newt": {"capabilities": ["NET_RAW"], "clients": True, "ssh": True}},
        {"docker": {"hook": "docker-user", "persistence": "cron"}},
        {"dns": "any"},
    ],
)
def test_no_setting_gives_newt_the_docker_socket_or_privileges(changes: dict[str, Any]) -> None:
    inputs = _container(changes)
    assert set(inputs) == INPUTS
    assert "docker.sock" not in repr(inputs)


# --- the other agent -------------------------------------------------------------------------


def test_pangolin_cli_is_confined_as_newt_is_and_told_what_it_needs(nas: Recording) -> None:
    newt, other = nas.named(CONTAINER).inputs, _container({"agent": "pangolin-cli"})
    differs = {key for key in {*newt, *other} if newt.get(key) != other.get(key)}
    assert differs == {"command", "envs"}
    assert other["command"] == ["up", "site"], "its entrypoint starts no site otherwise"
    assert {*other["envs"]} - {*newt["envs"]} == {"HOME=/tmp"}, "nobody has none"
    assert {*newt["envs"]} <= {*other["envs"]}, "self-update off, SSH off, health file, secrets"


def test_pangolin_clis_image_is_its_own() -> None:
    found = deploy({"agent": "pangolin-cli"})
    assert found.named(IMAGE).inputs["name"] == "fosrl/pangolin-cli:0.23.0"


# --- what it is made of ----------------------------------------------------------------------


def test_the_container_is_called_what_the_firewall_and_the_documents_call_it(
    nas: Recording,
) -> None:
    assert nas.named(CONTAINER).inputs["name"] == "newt-tunnel"


def test_the_image_is_pinned_and_survives_destroy(nas: Recording) -> None:
    assert nas.named(IMAGE).inputs == {"name": "fosrl/newt:1.16.0", "keepLocally": True}


def test_a_written_image_is_taken_as_it_is() -> None:
    image = f"registry.lan:5000/newt:1.16.0@sha256:{'0' * 64}"
    assert deploy({"newt": {"image": image}}).named(IMAGE).inputs["name"] == image


def test_the_container_runs_the_image_by_its_id(nas: Recording) -> None:
    assert nas.named(CONTAINER).inputs["image"] == IMAGE_ID, "a bare name churns"


def test_the_volume_is_called_newt_config(nas: Recording) -> None:
    assert nas.named(VOLUME).inputs == {"name": "newt-config"}


def test_network_and_container_carry_their_stack(nas: Recording) -> None:
    label = {"label": "newt-tunnel.stack", "value": OWNER}
    assert label in nas.named(NETWORK).inputs["labels"]
    assert label in nas.named(CONTAINER).inputs["labels"]


def test_a_changed_credential_is_a_changed_container(nas: Recording) -> None:
    label = {"label": "newt-tunnel.credentials", "value": REVISION}
    assert label in nas.named(CONTAINER).inputs["labels"]


def test_labels_are_a_list_in_a_fixed_order(nas: Recording) -> None:
    labels = [label["label"] for label in nas.named(CONTAINER).inputs["labels"]]
    assert labels == sorted(labels)


# --- mounts ----------------------------------------------------------------------------------


def test_the_credentials_are_a_read_only_folder_and_the_volume_is_read_only_too(
    nas: Recording,
) -> None:
    assert nas.named(CONTAINER).inputs["mounts"] == [
        {
            "type": "bind",
            "source": "/var/lib/newt-egress/credentials",
            "target": "/etc/newt",
            "readOnly": True,
        },
        {
            "type": "volume",
            "source": "newt-config",
            "target": "/var/lib/newt",
            "readOnly": True,
        },
    ]


def test_only_with_a_provisioning_key_newt_may_write_into_its_volume() -> None:
    recording = deploy({"newtId": None}, given=PROVISIONING)
    assert recording.named(CONTAINER).inputs["mounts"] == [
        {"type": "volume", "source": "newt-config", "target": "/var/lib/newt", "readOnly": False}
    ], "newt writes there what Pangolin gives it"


# --- environment -----------------------------------------------------------------------------


def test_the_environment_is_complete_sorted_and_closes_what_is_not_asked_for(
    nas: Recording,
) -> None:
    assert nas.named(CONTAINER).inputs["envs"] == [
        "CONFIG_FILE=/etc/newt/config.json",
        "DISABLE_CLIENTS=true",
        "DISABLE_SSH=true",
        "HEALTH_FILE=/tmp/healthy",
        "LOG_LEVEL=INFO",
        # Otherwise newt would replace its own program at the server's word.
        "NEWT_SYSTEM_SUBSTRATE=CONTAINER",
        "PANGOLIN_ENDPOINT=https://pangolin.example.com",
    ]


def test_clients_and_ssh_open_only_when_they_are_asked_for() -> None:
    clients = _container({"newt": {"clients": True}, "pangolin": {"ports": None}})["envs"]
    ssh = _container({"newt": {"ssh": True}})["envs"]
    assert ("DISABLE_CLIENTS=false" in clients, "DISABLE_SSH=true" in clients) == (True, True)
    assert ("DISABLE_CLIENTS=true" in ssh, "DISABLE_SSH=false" in ssh) == (True, True)


def test_further_variables_join_in_order() -> None:
    written = {"environment": {"MTU": 1380}, "unknownEnvironment": {"NEWT_NEW": "x"}}
    envs = _container({"newt": written})["envs"]
    assert envs == sorted(envs)
    assert {"MTU=1380", "NEWT_NEW=x"} <= set(envs)


def test_the_log_level_is_the_one_written() -> None:
    assert "LOG_LEVEL=DEBUG" in _container({"newt": {"logLevel": "debug"}})["envs"]


def test_newt_that_registers_itself_keeps_its_configuration_in_the_volume() -> None:
    envs = deploy({"newtId": None}, given=PROVISIONING).named(CONTAINER).inputs["envs"]
    assert "CONFIG_FILE=/var/lib/newt/config.json" in envs


# --- life cycle ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("persistence", "restart"),
    [
        ("systemd", "unless-stopped"),
        ("netfilter-persistent", "unless-stopped"),
        ("cron", "no"),
        ("none", "no"),
    ],
)
def test_docker_starts_newt_at_boot_only_where_the_rules_come_first(
    persistence: str, restart: str
) -> None:
    assert _container({"docker": {"persistence": persistence}})["restart"] == restart, (
        "otherwise newt-egress starts it, after the rules"
    )


def test_a_newt_that_the_proof_has_stopped_stays_stopped(nas: Recording) -> None:
    assert nas.named(CONTAINER).inputs["mustRun"] is False


def test_health_is_what_newt_says_of_its_tunnel(nas: Recording) -> None:
    assert nas.named(CONTAINER).inputs["healthcheck"] == {
        "tests": ["CMD-SHELL", "test -f /tmp/healthy"],
        "interval": "30s",
        "timeout": "5s",
        "startPeriod": "30s",
        "retries": 3,
    }


def test_durations_are_spelled_as_docker_gives_them_back(nas: Recording) -> None:
    check = nas.named(CONTAINER).inputs["healthcheck"]
    for key in ("interval", "timeout", "startPeriod"):
        assert int(re.sub(r"s$", "", check[key])) < 60, "60s comes back as 1m0s: an endless diff"


def test_the_health_check_can_be_turned_off() -> None:
    inputs = _container({"newt": {"health": False}})
    assert "healthcheck" not in inputs
    assert not any(variable.startswith("HEALTH_FILE=") for variable in inputs["envs"])


def test_logs_cannot_fill_the_disk(nas: Recording) -> None:
    inputs = nas.named(CONTAINER).inputs
    assert inputs["logDriver"] == "json-file"
    assert inputs["logOpts"] == {"max-size": "10m", "max-file": "3"}


def test_newt_is_given_time_to_stop(nas: Recording) -> None:
    assert nas.named(CONTAINER).inputs["destroyGraceSeconds"] == 10


def test_a_changed_container_is_a_new_one_and_the_old_goes_first(nas: Recording) -> None:
    container = nas.named(CONTAINER)
    assert {"healthcheck", "tmpfs"} <= set(container.replace_on_changes), (
        "the provider reports these as updates that never reach the container"
    )
    assert container.delete_before_replace, "name and address can be taken only once"
