"""One validation gives the settings, or the problems and what is valid all the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from newt_tunnel.settings.facts import validated
from newt_tunnel.settings.families import Families
from newt_tunnel.settings.load import examine
from newt_tunnel.settings.stack import Settings
from tests.unit.settings.example import TREES, stack


@pytest.mark.parametrize("platform", TREES)
@pytest.mark.parametrize("wrong", [{}, {"proof": "maybe"}])
def test_each_host_of_a_file_is_validated_once(
    platform: str, wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Counter[object] = Counter()
    host = Families.host

    def counting(self: Families, value: object) -> object:
        seen[value] += 1
        return host(self, value)

    monkeypatch.setattr(Families, "host", counting)
    found = examine(TREES[platform](wrong))
    assert (found.settings is None) == bool(wrong)
    assert seen, "the file has hosts"
    assert set(seen.values()) == {1}, seen


def test_a_field_that_does_not_fit_another_is_valid_by_itself() -> None:
    found = validated(Settings, stack({"egress": [], "pangolin.ports": ["51820/udp"]}))
    assert [problem.key for problem in found.problems] == ["pangolin.ports"]
    assert found.facts.servers is not None
    assert [str(one) for one in found.facts.servers.ports or ()] == ["51820/udp"]


def test_a_damaged_field_leaves_the_rest_of_its_section() -> None:
    found = validated(Settings, stack({"docker.hostKey": "x", "docker.firewall": "pf"}))
    assert found.facts.subnet is not None
    assert found.facts.firewall is None, "what is written and wrong is not the default"


def test_a_damaged_entry_leaves_the_others_with_their_keys() -> None:
    good = {"name": "good", "host": "10.0.1.50", "port": 3000}
    found = validated(Settings, stack({"egress": [{"name": "bad"}, good]}))
    assert [(key, entry.name) for key, entry in found.facts.egress] == [("egress[1]", "good")]
