"""The harness itself: what goes wrong inside a program must fail the test around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
from pulumi_command import remote

from tests.unit.components.nas import Host, deploy
from tests.unit.components.recording import (
    STACK,
    UNKNOWN,
    Recording,
    is_secret,
    public,
    record,
    revealed,
)

CONNECTION: remote.ConnectionArgsDict = {"host": "192.0.2.1"}


def _says(_type: str, _name: str, _inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"stdout": "said"}


def test_a_failing_assertion_in_the_program_fails_the_test() -> None:
    def program() -> None:
        raise AssertionError("seen at once")

    with pytest.raises(AssertionError, match="seen at once"):
        record(program)


def test_a_failing_assertion_on_an_output_fails_the_test() -> None:
    def program() -> None:
        def check(said: str) -> None:
            raise AssertionError(f"seen when {said} was known")

        remote.Command("one", connection=CONNECTION, create="true").stdout.apply(check)

    with pytest.raises(AssertionError, match="seen when said was known"):
        record(program, _says)


def test_a_provider_that_fails_fails_the_program_and_what_depends_on_it_is_not_registered() -> None:
    def fails(_type: str, name: str, _inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        raise RuntimeError(f"{name} failed on the host")

    def program() -> None:
        first = remote.Command("first", connection=CONNECTION, create="false")
        later = pulumi.ResourceOptions(depends_on=[first])
        remote.Command("later", connection=CONNECTION, create="true", opts=later)

    recording = Recording()
    with pytest.raises(RuntimeError, match="first failed on the host"):
        record(program, fails, into=recording)
    assert [resource.name for resource in recording.resources] == ["project-stack", "first"]


def test_everything_is_over_when_a_recording_returns() -> None:
    def program() -> None:
        command = remote.Command("one", connection=CONNECTION, create="true")
        pulumi.log.warn("about a resource", command)
        pulumi.export("said", command.stdout.apply(str.upper))

    recording = record(program, _says)
    assert recording.stack_outputs == {"said": "SAID"}
    assert recording.messages("warning") == ["about a resource"]


def test_a_preview_knows_no_computed_output() -> None:
    def program() -> None:
        command = remote.Command("one", connection=CONNECTION, create="true")
        pulumi.export("said", command.stdout)
        pulumi.export("id", command.id)

    assert record(program, _says, preview=True).stack_outputs == {"said": UNKNOWN, "id": UNKNOWN}


def test_one_recording_leaves_nothing_to_the_next() -> None:
    def program() -> None:
        pulumi.export("configured", pulumi.Config().get("key"))
        pulumi.runtime.set_all_config({"project:key": "value"})

    assert record(program).stack_outputs == record(program).stack_outputs == {}


def test_a_secret_is_told_from_plain_text_wherever_it_stands() -> None:
    def program() -> None:
        remote.Command(
            "one",
            connection=CONNECTION,
            create="plain",
            environment={"TOKEN": pulumi.Output.secret("hush")},
            triggers=["leak hush"],
        )
        pulumi.export("nested", {"deep": [pulumi.Output.secret("hush")]})

    recording = record(program)
    inputs = recording.named("one").inputs
    assert is_secret(inputs["environment"]["TOKEN"])
    assert revealed(inputs["environment"]) == {"TOKEN": "hush"}
    assert public(inputs["environment"]) == {"TOKEN": "[secret]"}
    assert public(recording.stack_outputs) == {"nested": {"deep": ["[secret]"]}}
    assert recording.public_text.count("hush") == 1, "only the planted leak is to be seen"


def test_urns_are_spelled_as_the_engine_spells_them() -> None:
    class Outer(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("my:outer:Type", "outer")
            child = pulumi.ResourceOptions(parent=self)
            remote.Command("inner", connection=CONNECTION, create="true", opts=child)

    recording = record(Outer)
    assert [resource.urn for resource in recording.resources] == [
        f"urn:pulumi:stack::project::{STACK}::project-stack",
        "urn:pulumi:stack::project::my:outer:Type::outer",
        "urn:pulumi:stack::project::my:outer:Type$command:remote:Command::inner",
    ]


def test_no_test_of_a_component_reaches_a_real_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("a process was started"))
    host = Host()
    deploy(host=host)
    assert len(host.asked) == 1, "one look at the host is enough for one run of the program"
