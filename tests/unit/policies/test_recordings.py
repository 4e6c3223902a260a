"""The recordings are of the program as it is, and the program as it is breaks no rule."""

from __future__ import annotations

import pytest

from policies.rules import RULES, RuleLevel
from tests.unit.components.nas import NEWT_SECRET
from tests.unit.components.recording import UNKNOWN
from tests.unit.policies import recorder
from tests.unit.policies.judging import Rule, findings

RECORDING = pytest.mark.parametrize("name", recorder.NAMES)


@pytest.mark.parametrize("stack", recorder.STACKS)
def test_a_recording_is_what_the_program_asks_for_now(stack: str) -> None:
    path = recorder.file(stack)
    assert recorder.text(stack) == path.read_text(), f"{path.name} is out of date: run make golden"


@pytest.mark.parametrize("stack", recorder.STACKS)
def test_a_preview_is_recorded_with_what_it_does_not_know(stack: str) -> None:
    known, seen = (str(recorder.recorded(f"{stack}-{what}")) for what in ("update", "preview"))
    assert UNKNOWN in seen
    assert UNKNOWN not in known


def test_no_other_recording_is_kept() -> None:
    assert {*recorder.FOLDER.iterdir()} == {recorder.file(stack) for stack in recorder.STACKS}


@RECORDING
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_an_example_breaks_no_rule_but_for_its_image_without_a_digest(
    name: str, rule: Rule
) -> None:
    found = findings(rule, recorder.recorded(name))
    if rule.name == "image-has-digest":
        assert rule.level is RuleLevel.ADVISORY
        (line,) = found
        assert "fosrl/newt:1.16.0: has no digest" in line
    else:
        assert found == []


@RECORDING
def test_the_pack_is_given_the_secret_and_so_must_not_repeat_it(name: str) -> None:
    assert NEWT_SECRET in str(recorder.recorded(name)), "or the tests of secrecy test nothing"
