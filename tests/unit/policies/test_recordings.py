"""The recordings are of the program as it is, and the program as it is breaks no rule."""

from __future__ import annotations

import pytest

from policies.rules import RULES, Level
from tests.unit.components.nas import NEWT_SECRET
from tests.unit.policies import recorder
from tests.unit.policies.judging import Rule, findings

RECORDING = pytest.mark.parametrize("name", recorder.FILES)


@RECORDING
def test_a_recording_is_what_the_program_asks_for_now(name: str) -> None:
    written = (recorder.RECORDINGS / name).read_text()
    assert recorder.text(name) == written, f"{name} is out of date: run make golden"


def test_no_other_recording_is_kept() -> None:
    assert {path.name for path in recorder.RECORDINGS.iterdir()} == set(recorder.FILES)


@RECORDING
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_an_example_breaks_no_rule_but_for_its_image_without_a_digest(
    name: str, rule: Rule
) -> None:
    found = findings(rule, recorder.recorded(name))
    if rule.name == "image-has-digest":
        assert rule.level is Level.ADVISORY
        (line,) = found
        assert "fosrl/newt:1.16.0: has no digest" in line
    else:
        assert found == []


@RECORDING
def test_the_pack_is_given_the_secret_and_so_must_not_repeat_it(name: str) -> None:
    assert NEWT_SECRET in str(recorder.recorded(name)), "or the tests of secrecy test nothing"
