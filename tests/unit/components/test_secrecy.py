"""No secret is ever seen: not by the engine in plain text, not in outputs, messages or errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from host.ssh import HostKeyError, UnreachableError
from settings.load import judge
from tests.unit.components.nas import (
    AGENT,
    LEAKS,
    NEWT_SECRET,
    PAIR,
    PROVISIONING,
    RULES,
    SETTINGS,
    Given,
    Host,
    as_left,
    changed,
    deploy,
)
from tests.unit.components.recording import Recording, record, revealed

STACKS = [
    pytest.param({}, PAIR, id="id and secret"),
    pytest.param({}, AGENT, id="ssh agent"),
    pytest.param({"newtId": None}, PROVISIONING, id="provisioning key"),
    pytest.param(
        {"docker": {"user": "admin", "sudo": True, "firewall": "nftables"}}, PAIR, id="nftables"
    ),
    pytest.param({"docker": {"hook": "docker-user"}}, PAIR, id="docker-user"),
    pytest.param({"newt": {"logLevel": "debug"}, "proof": "warn"}, PAIR, id="debugging"),
]


def assert_sealed(recording: Recording) -> None:
    for leak in LEAKS:
        assert leak not in recording.public_text, f"{leak} is readable outside of a secret"


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("changes", "given_secrets"), STACKS)
def test_no_secret_stands_in_an_input_an_output_or_a_message_but_inside_a_secret(
    changes: Mapping[str, Any], given_secrets: Given, preview: bool
) -> None:
    recording = deploy(changes, given=given_secrets, preview=preview)
    assert_sealed(recording)
    inside = repr([revealed(resource.inputs) for resource in recording.resources])
    given = (given_secrets.newt_secret, given_secrets.provisioning_key)
    assert all(value in inside for value in given if value), "the secrets are there, but sealed"


def test_this_test_would_see_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pulumi.Output.secret
    monkeypatch.setattr(pulumi.Output, "secret", pulumi.Output.from_input)
    leaking = deploy()
    monkeypatch.setattr(pulumi.Output, "secret", real)
    with pytest.raises(AssertionError, match="readable outside of a secret"):
        assert_sealed(leaking)


@pytest.mark.parametrize(
    "answer",
    [
        UnreachableError("Connection refused"),
        HostKeyError("Host key verification failed."),
        RuntimeError("sudo asks admin for a password"),
        "state=drifted\nowner=newt-tunnel/other\n",
        "rubbish",
    ],
)
def test_no_error_shows_a_secret(answer: str | Exception) -> None:
    recording = Recording()
    with pytest.raises(pulumi.RunError) as error:
        deploy(host=Host(answer), into=recording)
    assert not any(leak in repr(error.value) + str(error.value) for leak in LEAKS)
    assert_sealed(recording)


def test_no_warning_shows_a_secret(nas: Recording) -> None:
    for host in (
        Host(as_left(nas, state="drifted", faults="flushed")),
        Host(as_left(nas, hash="0" * 64)),
    ):
        recording = deploy(host=host)
        assert recording.messages("warning")
        assert_sealed(recording)


def test_a_changed_secret_leaves_the_rules_and_the_look_at_the_host_alone(nas: Recording) -> None:
    host = Host(as_left(nas))
    renewed = Given(newt_secret="another-secret", ssh_key=PAIR.ssh_key)
    before, after = deploy(host=host), deploy(given=renewed, host=host)
    assert after.named(RULES).inputs == before.named(RULES).inputs
    assert not any(leak in command for command in host.asked for leak in LEAKS)


def test_settings_and_secrets_do_not_show_a_secret_when_they_are_printed() -> None:
    settings, _ = judge(changed({}))
    printed = [repr(settings), str(settings)]

    def program() -> None:
        secrets = PAIR.outputs()
        printed.extend((repr(secrets), str(secrets)))

    record(program)
    assert len(printed) == 4
    assert not any(leak in text for text in printed for leak in LEAKS)


def test_the_settings_of_these_tests_hold_no_secret() -> None:
    assert NEWT_SECRET not in repr(SETTINGS), "or a leak could not be told from what is plain"
