"""Which Docker engine the lab's NAS runs is chosen by name."""

from __future__ import annotations

import pytest

from tests.lab.commands import LabError
from tests.lab.docker_engines import ENGINES, HERE, NEWEST, VARIABLE, chosen


def test_without_a_name_the_engine_is_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert chosen() is HERE
    assert HERE.programs() is None
    assert chosen(NEWEST) is NEWEST, "tests, attacks and faults say what they have without a name"


def test_each_engine_is_chosen_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for engine in ENGINES:
        monkeypatch.setenv(VARIABLE, engine.name)
        assert chosen() is chosen(NEWEST) is engine
    assert NEWEST.name == "29"


def test_an_unknown_name_is_answered_with_those_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "19.03")
    with pytest.raises(LabError, match=r"ENGINE=19\.03 .*: 29, 29-nftables, 28, 26, here"):
        chosen()
