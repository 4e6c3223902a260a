"""Secrets: encrypted, complete, and seen by nobody.

What is read comes from Pulumi's own runtime configuration, as the engine fills it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pulumi
import pytest
from pulumi import runtime

from newt_tunnel.settings.errors import SettingsError
from newt_tunnel.settings.load import load
from newt_tunnel.settings.stack import Settings
from tests.unit.settings.encrypted import (
    KEY,
    SECRET,
    WITH_SECRET,
    Loaded,
    Refused,
    as_pulumi_hands_over,
)
from tests.unit.settings.example import ABSENT, PREFIX, stack


@pytest.fixture
def platform() -> str:
    return "docker"


def test_a_complete_stack_file_loads_with_its_secrets_beside_it(loaded: Loaded) -> None:
    async def check() -> None:
        settings, secrets = loaded(encrypted={"newtSecret": SECRET, "sshPrivateKey": KEY})
        assert settings.newt_id == "2ix2t8xk22ubpfy"
        assert secrets.newt_secret is not None
        assert secrets.ssh_private_key is not None
        assert secrets.newt_provisioning_key is None
        assert await secrets.newt_secret.future() == SECRET
        assert await secrets.newt_secret.is_secret()
        assert await secrets.ssh_private_key.is_secret()

    asyncio.run(check())


def test_no_secret_is_in_settings_their_dump_their_repr_or_the_log(
    loaded: Loaded, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def check() -> None:
        with caplog.at_level(logging.DEBUG):
            settings, secrets = loaded(encrypted={"newtSecret": SECRET, "sshPrivateKey": KEY})
        for text in (repr(settings), str(settings), settings.model_dump_json(), repr(secrets)):
            assert "needle" not in text

    asyncio.run(check())
    assert "needle" not in caplog.text
    assert "needle" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("key", ["newtSecret", "sshPrivateKey", "newtProvisioningKey"])
def test_a_secret_in_plain_text_is_refused_with_the_command_that_stores_it(
    refused: Refused, key: str
) -> None:
    rest = {} if key == "newtSecret" else WITH_SECRET
    changes: dict[str, Any] = {key: SECRET}
    if key == "newtProvisioningKey":
        changes["newtId"], rest = ABSENT, {}
    (line,) = refused(changes, **rest)
    assert line.startswith(f"{key}: (not shown): is stored in plain text")
    assert line.endswith(f"run: pulumi config set --secret {key}")


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_secret_is_refused_before_anything_is_touched(
    refused: Refused, empty: str
) -> None:
    assert refused(newtSecret=empty) == [
        "newtSecret: (empty): run: pulumi config set --secret newtSecret"
    ]


@pytest.mark.parametrize("value", [f"{SECRET} x", f"{SECRET}\n{SECRET}", f'{SECRET}"', "a\0b"])
def test_a_secret_that_was_copied_badly_is_refused_without_being_shown(
    refused: Refused, value: str
) -> None:
    (line,) = refused(newtSecret=value)
    assert line.startswith("newtSecret: (not shown): holds spaces, line breaks or quotes")


def test_an_ssh_key_must_be_a_whole_private_key(refused: Refused) -> None:
    (line,) = refused(newtSecret=SECRET, sshPrivateKey=KEY.splitlines()[1])
    assert line.startswith("sshPrivateKey: (not shown): is not a private key")


def test_id_and_secret_come_together(refused: Refused) -> None:
    assert refused() == ["newtSecret: (missing): run: pulumi config set --secret newtSecret"]
    (line,) = refused({"newtId": ABSENT}, **WITH_SECRET)
    assert line.startswith("newtId: (missing): write the site's id from Pangolin")
    assert [line.split(":")[0] for line in refused({"newtId": ABSENT})] == [
        "newtId",
        "newtSecret",
    ]


def test_a_provisioning_key_stands_instead_of_id_and_secret(loaded: Loaded) -> None:
    async def check() -> None:
        settings, secrets = loaded({"newtId": ABSENT}, encrypted={"newtProvisioningKey": SECRET})
        assert settings.newt_id is None
        assert secrets.newt_secret is None
        assert secrets.newt_provisioning_key is not None

    asyncio.run(check())


def test_a_provisioning_key_beside_id_or_secret_is_refused(refused: Refused) -> None:
    (line,) = refused(newtProvisioningKey=SECRET)
    assert line.startswith("newtId: (not shown): is set together with newtProvisioningKey")
    (line,) = refused({"newtId": ABSENT}, newtProvisioningKey=SECRET, newtSecret=SECRET)
    assert line.startswith("newtSecret: (not shown): is set together with newtProvisioningKey")


@pytest.mark.parametrize("level", ["DEBUG", "debug"])
def test_a_provisioning_key_is_refused_at_the_level_that_logs_what_it_brings(
    level: str, loaded: Loaded, refused: Refused
) -> None:
    """newt 1.16.0 sets the level (newt.go:93) before it registers (newt.go:143), and logs the whole
    answer, secret included (websocket/config.go, "Provisioning response body").
    """
    changes = {"newtId": ABSENT, "newt.logLevel": level}
    (line,) = refused(changes, newtProvisioningKey=SECRET)
    assert line.startswith("newt.logLevel: DEBUG: is refused with newtProvisioningKey")
    assert "write INFO" in line

    async def check() -> None:
        loaded({"newt.logLevel": level}, encrypted={"newtSecret": SECRET})
        loaded({"newtId": ABSENT}, encrypted={"newtProvisioningKey": SECRET})

    asyncio.run(check())


def test_an_encrypted_value_where_no_secret_belongs_is_refused_unread(refused: Refused) -> None:
    newt = {"environment": {"TOKEN": SECRET}}
    (line,) = refused(newtSecret=SECRET, newt=newt)
    assert line.startswith("newt: (not shown): is stored encrypted, whole or in part")
    assert "newtSecret, newtProvisioningKey, sshPrivateKey" in line
    (line,) = refused(newtSecret=SECRET, docker=stack()["docker"])
    assert line.startswith("docker: "), "a section that cannot be read is not missing as well"


def test_an_encrypted_key_with_a_typo_is_an_unknown_key(refused: Refused) -> None:
    (line,) = refused(newtSecret=SECRET, newtSecert=SECRET)
    assert line.startswith("newtSecert: unknown key, did you mean newtSecret?")


def test_values_under_unknown_or_misplaced_keys_are_never_repeated(refused: Refused) -> None:
    changes = {
        "newtSecert": SECRET,
        "newt": {"secret": SECRET, "environment": {"NEWT_SECRET": SECRET, "MTU": f"{SECRET}!"}},
        "docker.sshPrivateKey": KEY,
        "docker.hostKey": KEY,
        "pangolin.endpoint": f"https://admin:{SECRET}@pangolin.example.com",
        "newtId": SECRET * 3,
        "egress": [{"name": "x", "password": SECRET}],
    }
    assert len(refused(changes, **WITH_SECRET)) == 10


def test_problems_of_secrets_and_of_plain_keys_are_reported_together(refused: Refused) -> None:
    lines = refused({"docker.port": 0, "newtSecret": SECRET})
    assert [line.split(":")[0] for line in lines] == ["docker.port", "newtSecret"]


def test_other_namespaces_are_left_alone(loaded: Loaded) -> None:
    async def check() -> None:
        loaded()
        runtime.set_config("docker:host", "ssh://elsewhere")
        settings, _ = load()
        assert isinstance(settings, Settings)
        assert str(settings.docker.address) == "10.0.1.10"

    asyncio.run(check())


def test_the_engines_environment_variables_are_read_too(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = as_pulumi_hands_over({**stack(), "newtSecret": SECRET})
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(config))
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps([f"{PREFIX}newtSecret"]))

    async def check() -> None:
        loaded()
        runtime.set_all_config({}, [])
        settings, secrets = load()
        assert settings.newt_id == "2ix2t8xk22ubpfy"
        assert secrets.newt_secret is not None

    asyncio.run(check())


def test_pulumi_prints_the_text_alone() -> None:
    assert issubclass(SettingsError, pulumi.RunError), "other errors come with a traceback"
