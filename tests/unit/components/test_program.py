"""The program itself, run as Pulumi runs it: with the example's stack file and what a user sets."""

from __future__ import annotations

import json
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from tests.unit.components.nas import (
    HOST_KEY,
    LEAKS,
    NEWT_SECRET,
    PROJECT,
    SSH_KEY,
    STACK,
    Host,
    answered_by,
    computed,
)
from tests.unit.components.recording import Recording, record

REPOSITORY = Path(__file__).parents[3]
SECRETS = ("newtSecret", "sshPrivateKey")


def _config() -> dict[str, str]:
    """The stack file, and the keys that it asks its user for, as the engine hands them over."""
    document = yaml.safe_load((REPOSITORY / "stacks" / f"Pulumi.{STACK}.yaml").read_text())
    values: dict[str, Any] = document["config"]
    values[f"{PROJECT}:docker"]["hostKey"] = HOST_KEY
    values[f"{PROJECT}:newtSecret"] = NEWT_SECRET
    values[f"{PROJECT}:sshPrivateKey"] = SSH_KEY
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()
    }


def _run(
    config: dict[str, str], *, secrets: Sequence[str] = SECRETS, host: Host | None = None
) -> Recording:
    def program() -> None:
        pulumi.runtime.set_all_config(config, [f"{PROJECT}:{key}" for key in secrets])
        runpy.run_path(str(REPOSITORY / "__main__.py"), run_name="__main__")

    with answered_by(host or Host()):
        return record(program, computed, project=PROJECT, stack=STACK)


def test_the_example_deploys_what_the_component_tests_look_at(nas: Recording) -> None:
    program = _run(_config())
    assert [resource.urn for resource in program.resources] == [
        resource.urn for resource in nas.resources
    ]
    assert program.stack_outputs == nas.stack_outputs


def test_no_secret_of_the_configuration_is_seen() -> None:
    program = _run(_config())
    assert not any(leak in program.public_text for leak in LEAKS)


def test_a_wrong_stack_file_stops_the_program_before_it_looks_at_the_host() -> None:
    host = Host()
    config = _config() | {f"{PROJECT}:dns": "[]", f"{PROJECT}:egres": "[]"}
    with pytest.raises(pulumi.RunError) as error:
        _run(config, host=host)
    assert len(str(error.value).splitlines()) == 2, "one line for each problem"
    assert host.asked == []


def test_a_secret_in_plain_text_is_refused_without_being_shown() -> None:
    with pytest.raises(pulumi.RunError) as error:
        _run(_config(), secrets=())
    assert "pulumi config set --secret newtSecret" in str(error.value)
    assert not any(leak in str(error.value) for leak in LEAKS)


def test_the_program_reads_like_a_table_of_contents() -> None:
    assert len((REPOSITORY / "__main__.py").read_text().splitlines()) <= 30
