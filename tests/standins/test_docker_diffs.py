"""The diffs of the Docker types against what Pulumi's bridge says of the same schema.

`golden/bridge.json` was recorded from pulumi-terraform-bridge 3.133.0 with Terraform's SDK, the
libraries inside pulumi-docker 5.1.0: for each case the program before and after, what the host
reported, and the resulting diff. `before` and `after` are differences to the line above them (null:
left out).
"""

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from tests.standins.docker.bridged import Bridged, Draft, Work
from tests.standins.docker.engine_api import DockerError, Engine
from tests.standins.docker.schema import CONTAINER, IMAGE, NETWORK, VOLUME, Schema
from tests.standins.resource import InitFailed, Log, Operation
from tests.standins.values import UNKNOWN, Properties, Value

GOLDEN = json.loads((Path(__file__).parent / "golden" / "bridge.json").read_text())
SCHEMAS = {"container": CONTAINER, "network": NETWORK, "volume": VOLUME, "image": IMAGE}
CASES = {case["name"]: case for case in GOLDEN["cases"]}
OPERATION = Operation("urn:pulumi:s::p::docker:x::r", Log(None, ""), threading.Event())


class Recorded(Work):
    """Answers what the recording says that the host had; touches nothing."""

    own_name = True

    def __init__(self, schema: Schema, found: Properties, *, fails: bool) -> None:
        self.schema = schema
        self.found = found
        self._fails = fails

    @override
    def create(self, engine: Engine, draft: Draft) -> None:
        draft.identity = "id"
        if self._fails:
            raise DockerError("recorded failure")
        draft.found = self.found

    @override
    def read(
        self, engine: Engine, identity: str, state: Properties
    ) -> tuple[str, Properties] | None:
        return identity, self.found

    @override
    def update(
        self, engine: Engine, identity: str, state: Properties, wanted: Properties
    ) -> tuple[str, Properties]:
        raise NotImplementedError

    @override
    def delete(self, engine: Engine, identity: str, state: Properties) -> None:
        raise NotImplementedError


@dataclass
class Replay:
    """One recorded case, run through the stand-in up to the second program."""

    type: Bridged
    state: Properties
    after: Properties


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Every recorded case in turn."""
    recorded: dict[str, Any] = CASES[request.param]
    return recorded


def replay(case: dict[str, Any]) -> Replay:
    """Creates the resource as the first program has it, refreshes it where the case says so."""
    resource = GOLDEN["resources"][case["resource"]]
    before = _changed(resource["inputs"], case.get("before", {}))
    found = _changed(resource["found"], case.get("found", {}))
    work = Recorded(SCHEMAS[case["resource"]], found, fails=case.get("failed", False))
    bridged = Bridged(work, lambda: Engine("ssh://nowhere", []))
    inputs = _checked(bridged, before)
    try:
        _, state = bridged.create(OPERATION, inputs, preview=False)
    except InitFailed as failed:
        state = failed.outputs
    if "refreshed" in case:
        work.found = _changed(found, case["refreshed"])
        _, state, _ = bridged.read(OPERATION, "id", inputs, state)
    return Replay(bridged, state, _checked(bridged, _changed(before, case.get("after", {}))))


def test_a_changed_program_shows_the_diff_that_the_bridge_shows(case: dict[str, Any]) -> None:
    run = replay(case)
    diff = run.type.diff(run.state, {}, run.after, [])
    assert {path: change.name for path, change in diff.detailed.items()} == case["diff"]
    assert diff.changed is bool(case["diff"])
    replaces = any(change.replaces for change in diff.detailed.values())
    assert diff.delete_before_replace is replaces, "the name is the program's: old and new clash"


@pytest.mark.parametrize("name", sorted(name for name in CASES if "state" in CASES[name]))
def test_the_state_after_a_create_or_refresh_is_the_bridges(name: str) -> None:
    assert replay(CASES[name]).state == CASES[name]["state"]


def test_a_change_inside_a_mount_is_an_update_that_never_reaches_the_container() -> None:
    changes = CASES["mount source"]["diff"].values()
    assert not any(change.endswith("_REPLACE") for change in changes)


def _checked(bridged: Bridged, program: Properties) -> Properties:
    inputs, failures = bridged.check(OPERATION, {}, program)
    assert not failures
    return inputs


def _changed(base: Properties, changes: Properties) -> Properties:
    merged = {**base, **changes}
    return {name: _with_unknowns(value) for name, value in merged.items() if value is not None}


def _with_unknowns(value: Value) -> Value:
    match value:
        case "<unknown>":
            return UNKNOWN
        case list():
            return [_with_unknowns(item) for item in value]
        case dict():
            return {name: _with_unknowns(item) for name, item in value.items()}
    return value
