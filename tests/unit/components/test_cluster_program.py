"""The program itself on the stack file of a cluster, run as Pulumi runs it."""

from __future__ import annotations

import json
import runpy
from collections.abc import Sequence
from pathlib import Path

import pulumi
import pytest

from tests.unit.components.k3s_home import (
    KUBECONFIG,
    LEAKS,
    NEWT_SECRET,
    STACK,
    WITH_KUBECONFIG,
    Cluster,
    answered_by,
    auto_named,
    computed,
    deploy,
)
from tests.unit.components.nas import PROJECT
from tests.unit.components.recording import Recording, record
from tests.unit.settings.example import shipped

REPOSITORY = Path(__file__).parents[3]
SECRETS = ("newtSecret", "kubeconfig")


def _config() -> dict[str, str]:
    """The stack file, and the keys that it asks its user for, as the engine hands them over."""
    tree = {**shipped(STACK), "newtSecret": NEWT_SECRET, "kubeconfig": KUBECONFIG}
    return {
        f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in tree.items()
    }


def _run(config: dict[str, str], *, secrets: Sequence[str] = SECRETS) -> Recording:
    def program() -> None:
        pulumi.runtime.set_all_config(config, [f"{PROJECT}:{key}" for key in secrets])
        runpy.run_path(str(REPOSITORY / "__main__.py"), run_name="__main__")

    with answered_by(Cluster()):
        return record(program, computed, checked=auto_named, project=PROJECT, stack=STACK)


def test_the_example_deploys_what_the_component_tests_look_at() -> None:
    program, component = _run(_config()), deploy(given=WITH_KUBECONFIG)
    assert {one.urn: one.inputs for one in program.resources} == {
        one.urn: one.inputs for one in component.resources
    }
    assert program.stack_outputs == component.stack_outputs


def test_no_secret_of_the_configuration_is_seen() -> None:
    assert not any(leak in _run(_config()).public_text for leak in LEAKS)


def test_a_wrong_stack_file_stops_the_program_with_a_line_for_each_problem() -> None:
    config = _config() | {f"{PROJECT}:newt": '{"logLevel": "FATAL"}', f"{PROJECT}:egres": "[]"}
    with pytest.raises(pulumi.RunError) as error:
        _run(config)
    assert len(str(error.value).splitlines()) == 2


def test_secrets_in_plain_text_are_refused_without_being_shown() -> None:
    with pytest.raises(pulumi.RunError) as error:
        _run(_config(), secrets=())
    assert "pulumi config set --secret newtSecret" in str(error.value)
    assert "pulumi config set --secret kubeconfig" in str(error.value)
    assert not any(leak in str(error.value) for leak in LEAKS)
