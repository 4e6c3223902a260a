"""The program itself, run as Pulumi runs it: with an example's stack file and what a user sets."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.unit.components import k3s_home, nas
from tests.unit.components.examples import LEAKS, Example
from tests.unit.components.nas import NEWT_SECRET, PROJECT
from tests.unit.components.recording import Recording, record
from tests.unit.settings.example import shipped

REPOSITORY = Path(__file__).parents[3]
#: By stack: what its user is asked to set as a secret.
SECRETS = {
    nas.STACK: {"newtSecret": NEWT_SECRET, "sshPrivateKey": nas.SSH_KEY},
    k3s_home.STACK: {"newtSecret": NEWT_SECRET, "kubeconfig": k3s_home.KUBECONFIG},
}
GIVEN = {nas.STACK: nas.PAIR, k3s_home.STACK: k3s_home.WITH_KUBECONFIG}


def _config(stack: str) -> dict[str, str]:
    """The stack file, and the keys that it asks its user for, as the engine hands them over."""
    tree: dict[str, Any] = shipped(stack) | SECRETS[stack]
    if stack == nas.STACK:
        tree["docker"]["hostKey"] = nas.HOST_KEY
    return {
        f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in tree.items()
    }


def _run(
    stack: str,
    changes: dict[str, str] | None = None,
    *,
    encrypted: Sequence[str] | None = None,
    host: nas.Host | None = None,
) -> Recording:
    config = _config(stack) | {f"{PROJECT}:{key}": v for key, v in (changes or {}).items()}
    secrets = SECRETS[stack] if encrypted is None else encrypted

    def program() -> None:
        pulumi.runtime.set_all_config(config, [f"{PROJECT}:{key}" for key in secrets])
        runpy.run_path(str(REPOSITORY / "__main__.py"), run_name="__main__")

    computed = {nas.STACK: nas.computed, k3s_home.STACK: k3s_home.computed}
    with nas.answered_by(host or nas.Host()), k3s_home.answered_by(k3s_home.Cluster()):
        return record(
            program, computed[stack], checked=k3s_home.auto_named, project=PROJECT, stack=stack
        )


def test_the_example_deploys_what_the_component_tests_look_at(example: Example) -> None:
    program = _run(example.STACK)
    component = example.deploy(given=GIVEN[example.STACK])
    assert _asked_for(program) == _asked_for(component)
    assert program.stack_outputs == component.stack_outputs


def _asked_for(recording: Recording) -> list[tuple[str, str]]:
    """Each resource with its inputs, but for the time of the load."""
    time = re.compile(r"\b2[0-9]{3}-[0-9-]{5}T[0-9:]{8}Z")
    return [(one.urn, time.sub("(time)", repr(one.inputs))) for one in recording.resources]


def test_no_secret_of_the_configuration_is_seen(example: Example) -> None:
    program = _run(example.STACK)
    assert not any(leak in program.public_text for leak in LEAKS)


def test_a_wrong_stack_file_stops_the_program_with_a_line_for_each_problem(
    example: Example,
) -> None:
    with pytest.raises(pulumi.RunError) as error:
        _run(example.STACK, {"newt": '{"logLevel": "LOUD"}', "egres": "[]"})
    assert len(str(error.value).splitlines()) == 2


def test_a_wrong_stack_file_stops_the_program_before_it_looks_at_the_host() -> None:
    host = nas.Host()
    with pytest.raises(pulumi.RunError) as error:
        _run(nas.STACK, {"dns": "[]"}, host=host)
    assert len(str(error.value).splitlines()) == 1
    assert host.asked == []


def test_a_secret_in_plain_text_is_refused_without_being_shown(example: Example) -> None:
    with pytest.raises(pulumi.RunError) as error:
        _run(example.STACK, encrypted=())
    for key in SECRETS[example.STACK]:
        assert f"pulumi config set --secret {key}" in str(error.value)
    assert not any(leak in str(error.value) for leak in LEAKS)


def test_the_program_reads_like_a_table_of_contents() -> None:
    assert len((REPOSITORY / "__main__.py").read_text().splitlines()) <= 30
