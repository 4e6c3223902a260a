"""How the host is reached: by a pinned key, from any workstation, and with sudo only if needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.components.nas import (
    AGENT,
    AS_ROOT,
    COMMANDS,
    CREDENTIALS,
    HOST_KEY,
    PROBES,
    PROVIDER,
    RULES,
    SSH_KEY,
    deploy,
)
from tests.unit.components.recording import Recording, is_secret, revealed


@pytest.fixture(scope="module")
def admin() -> Recording:
    """Somebody who needs sudo, at another port."""
    return deploy({"docker": {"user": "admin", "sudo": True, "port": 2222}})


@pytest.fixture(scope="module")
def agent() -> Recording:
    """Without a private key in the configuration."""
    return deploy(given=AGENT)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_believes_the_pinned_host_key_only(nas: Recording, name: str) -> None:
    connection = revealed(nas.named(name).inputs["connection"])
    assert connection["hostKey"] == HOST_KEY, "without it the provider accepts any host"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_gives_up_soon_on_a_host_that_is_down(nas: Recording, name: str) -> None:
    connection = revealed(nas.named(name).inputs["connection"])
    assert (connection["dialErrorLimit"], connection["perDialTimeout"]) == (2, 5), (
        "the provider's own limits wait for minutes"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_private_key_is_secret_and_goes_nowhere_but_into_the_connection(
    nas: Recording, name: str
) -> None:
    connection = nas.named(name).inputs["connection"]
    assert is_secret(connection)
    assert revealed(connection)["privateKey"] == SSH_KEY


@pytest.mark.parametrize("name", COMMANDS)
def test_without_a_private_key_the_choice_is_the_ssh_agents(agent: Recording, name: str) -> None:
    connection = revealed(agent.named(name).inputs["connection"])
    assert set(connection) == {
        "host",
        "port",
        "user",
        "hostKey",
        "dialErrorLimit",
        "perDialTimeout",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_port_and_user_are_those_of_the_settings(admin: Recording, name: str) -> None:
    connection = revealed(admin.named(name).inputs["connection"])
    assert (connection["host"], connection["port"], connection["user"]) == (
        "10.0.1.10",
        2222,
        "admin",
    )


def test_the_docker_provider_reaches_the_same_host(admin: Recording) -> None:
    assert admin.named(PROVIDER).inputs["host"] == "ssh://admin@10.0.1.10:2222"


def _ssh_options(recording: Recording) -> list[str]:
    words = json.loads(recording.named(PROVIDER).inputs["sshOpts"])
    assert set(words[::2]) == {"-o"}
    options: list[str] = words[1::2]
    return options


def test_the_docker_provider_believes_the_pinned_host_key_only(nas: Recording) -> None:
    options = _ssh_options(nas)
    assert {
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "UserKnownHostsFile=/dev/null",
        "GlobalKnownHostsFile=/dev/null",
        "HostKeyAlgorithms=ssh-ed25519",
        f"KnownHostsCommand=/bin/echo %H {HOST_KEY}",
    } <= set(options)


def test_nothing_depends_on_the_machine_that_deploys(nas: Recording) -> None:
    assert not any(option.startswith("IdentityFile") for option in _ssh_options(nas)), (
        "a path of one workstation is a change on every other one"
    )
    assert str(Path(__file__).parents[3]) not in nas.public_text
    assert ".ssh" not in nas.public_text


def test_sudo_never_asks_for_a_password_and_says_so_when_it_would(admin: Recording) -> None:
    create = {name: admin.named(name).inputs["create"] for name in COMMANDS}
    assert create[RULES].startswith(f"{AS_ROOT}sh -s -- apply ")
    assert create[CREDENTIALS] == (
        f"{AS_ROOT}/usr/local/sbin/newt-egress --instance nas credentials file"
    )
    assert create[PROBES] == f"{AS_ROOT}sh -s -- enforce nas"
    assert admin.named(RULES).inputs["delete"] == f"{AS_ROOT}sh -s -- remove"


@pytest.mark.parametrize(
    "docker", [{"user": "root", "sudo": True}, {"user": "admin", "sudo": False}]
)
def test_sudo_is_left_out_where_it_is_not_needed_or_not_wanted(docker: dict[str, object]) -> None:
    recording = deploy({"docker": docker})
    for name in COMMANDS:
        assert "sudo" not in recording.named(name).inputs["create"]
    assert "sudo" not in recording.named(RULES).inputs["delete"]
