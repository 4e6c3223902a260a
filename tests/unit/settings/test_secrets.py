"""Secrets: encrypted, complete, and seen by nobody.

What is read comes from Pulumi's own runtime configuration, as the engine fills it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pulumi
import pytest
from pulumi import runtime

from settings.errors import SettingsError
from settings.load import load
from settings.secrets import Secrets
from settings.stack import Settings
from tests.unit.settings.example import ABSENT, PREFIX, stack

SECRET = "xk22hunter2needle"
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----"
COMPLETE = {"newtSecret": SECRET}

Load = Callable[..., tuple[Settings, Secrets]]


def as_pulumi_hands_over(tree: Mapping[str, Any]) -> dict[str, str]:
    """Text as it is; everything else as JSON."""
    return {
        f"{PREFIX}{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in tree.items()
    }


@pytest.fixture
def loaded() -> Iterator[Load]:
    """``load()`` on the example with changes; ``encrypted`` keys are what Pulumi calls secret."""
    runtime.configure(runtime.Settings(project="newt-tunnel", stack="nas"))

    def run(
        changes: Mapping[str, Any] | None = None, *, encrypted: Mapping[str, Any] = COMPLETE
    ) -> tuple[Settings, Secrets]:
        tree = {**stack(changes), **encrypted}
        runtime.set_all_config(as_pulumi_hands_over(tree), [f"{PREFIX}{key}" for key in encrypted])
        settings, secrets = load()
        assert isinstance(settings, Settings)
        return settings, secrets

    yield run
    runtime.set_all_config({}, [])


def refused(loaded: Load, changes: Mapping[str, Any] | None = None, **encrypted: Any) -> list[str]:
    """The lines of the error, after making sure that no secret is in it or behind it."""
    with pytest.raises(SettingsError) as caught:
        loaded(changes, encrypted=encrypted)
    error = caught.value
    for text in (str(error), repr(error), repr(error.problems), repr(error.__dict__)):
        assert "needle" not in text, "a secret reached the error"
    assert error.__cause__ is None
    assert error.__context__ is None, "pydantic's own error, with its input, must not hang on"
    return str(error).splitlines()


def test_a_complete_stack_file_loads_with_its_secrets_beside_it(loaded: Load) -> None:
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
    loaded: Load, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
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
    loaded: Load, key: str
) -> None:
    rest = {} if key == "newtSecret" else COMPLETE
    changes: dict[str, Any] = {key: SECRET}
    if key == "newtProvisioningKey":
        changes["newtId"], rest = ABSENT, {}
    (line,) = refused(loaded, changes, **rest)
    assert line.startswith(f"{key}: (not shown): is stored in plain text")
    assert line.endswith(f"run: pulumi config set --secret {key}")


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_secret_is_refused_before_anything_is_touched(loaded: Load, empty: str) -> None:
    assert refused(loaded, newtSecret=empty) == [
        "newtSecret: (empty): run: pulumi config set --secret newtSecret"
    ]


@pytest.mark.parametrize("value", [f"{SECRET} x", f"{SECRET}\n{SECRET}", f'{SECRET}"', "a\0b"])
def test_a_secret_that_was_copied_badly_is_refused_without_being_shown(
    loaded: Load, value: str
) -> None:
    (line,) = refused(loaded, newtSecret=value)
    assert line.startswith("newtSecret: (not shown): holds spaces, line breaks or quotes")


def test_an_ssh_key_must_be_a_whole_private_key(loaded: Load) -> None:
    (line,) = refused(loaded, newtSecret=SECRET, sshPrivateKey=KEY.splitlines()[1])
    assert line.startswith("sshPrivateKey: (not shown): is not a private key")


def test_id_and_secret_come_together(loaded: Load) -> None:
    assert refused(loaded) == ["newtSecret: (missing): run: pulumi config set --secret newtSecret"]
    (line,) = refused(loaded, {"newtId": ABSENT}, **COMPLETE)
    assert line.startswith("newtId: (missing): write the site's id from Pangolin")
    assert [line.split(":")[0] for line in refused(loaded, {"newtId": ABSENT})] == [
        "newtId",
        "newtSecret",
    ]


def test_a_provisioning_key_stands_instead_of_id_and_secret(loaded: Load) -> None:
    async def check() -> None:
        settings, secrets = loaded({"newtId": ABSENT}, encrypted={"newtProvisioningKey": SECRET})
        assert settings.newt_id is None
        assert secrets.newt_secret is None
        assert secrets.newt_provisioning_key is not None

    asyncio.run(check())


def test_a_provisioning_key_beside_id_or_secret_is_refused(loaded: Load) -> None:
    (line,) = refused(loaded, newtProvisioningKey=SECRET)
    assert line.startswith("newtId: (not shown): stands beside newtProvisioningKey")
    (line,) = refused(loaded, {"newtId": ABSENT}, newtProvisioningKey=SECRET, newtSecret=SECRET)
    assert line.startswith("newtSecret: (not shown): stands beside newtProvisioningKey")


def test_an_encrypted_value_where_no_secret_belongs_is_refused_unread(loaded: Load) -> None:
    newt = {"environment": {"TOKEN": SECRET}}
    (line,) = refused(loaded, newtSecret=SECRET, newt=newt)
    assert line.startswith("newt: (not shown): is stored encrypted, whole or in part")
    assert "newtSecret, newtProvisioningKey, sshPrivateKey" in line
    (line,) = refused(loaded, newtSecret=SECRET, docker=stack()["docker"])
    assert line.startswith("docker: "), "a section that cannot be read is not missing as well"


def test_an_encrypted_key_with_a_typo_is_an_unknown_key(loaded: Load) -> None:
    (line,) = refused(loaded, newtSecret=SECRET, newtSecert=SECRET)
    assert line.startswith("newtSecert: unknown key, did you mean newtSecret?")


def test_values_under_unknown_or_misplaced_keys_are_never_repeated(loaded: Load) -> None:
    changes = {
        "newtSecert": SECRET,
        "newt": {"secret": SECRET, "environment": {"NEWT_SECRET": SECRET, "A": f"{SECRET}!"}},
        "docker.sshPrivateKey": KEY,
        "docker.hostKey": KEY,
        "pangolin.endpoint": f"https://admin:{SECRET}@pangolin.example.com",
        "newtId": SECRET * 3,
        "egress": [{"name": "x", "password": SECRET}],
    }
    assert len(refused(loaded, changes, **COMPLETE)) == 10


def test_problems_of_secrets_and_of_plain_keys_are_reported_together(loaded: Load) -> None:
    lines = refused(loaded, {"docker.port": 0, "newtSecret": SECRET})
    assert [line.split(":")[0] for line in lines] == ["docker.port", "newtSecret"]


def test_other_namespaces_are_left_alone(loaded: Load) -> None:
    async def check() -> None:
        loaded()
        runtime.set_config("docker:host", "ssh://elsewhere")
        settings, _ = load()
        assert isinstance(settings, Settings)
        assert str(settings.docker.address) == "10.0.1.10"

    asyncio.run(check())


def test_the_engines_environment_variables_are_read_too(
    loaded: Load, monkeypatch: pytest.MonkeyPatch
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
