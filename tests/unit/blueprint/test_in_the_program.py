"""The blueprint in the program: read from the project's folder, and told in the preview."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import runtime

from newt_tunnel.settings.load import load
from newt_tunnel.settings.stack import AnySettings
from tests.unit.blueprint.given import private, public, text_of
from tests.unit.settings.encrypted import WITH_SECRET, as_pulumi_hands_over
from tests.unit.settings.example import PREFIX, stack


class Told:
    """What the engine is asked to show."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.info: list[str] = []
        self.warnings: list[str] = []
        monkeypatch.setattr(pulumi.log, "info", self.info.append)
        monkeypatch.setattr(pulumi.log, "warn", self.warnings.append)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Told]:
    """From a working folder that is empty."""
    monkeypatch.chdir(tmp_path)
    runtime.configure(runtime.Settings(project="newt-tunnel", stack="test"))
    yield Told(monkeypatch)
    runtime.set_all_config({}, [])


def loaded(changes: Mapping[str, Any]) -> AnySettings:
    marked = [f"{PREFIX}{key}" for key in WITH_SECRET]
    runtime.set_all_config(as_pulumi_hands_over({**stack(changes), **WITH_SECRET}), marked)

    async def run() -> AnySettings:
        # A secret is an output, which needs a running loop.
        return load()[0]

    return asyncio.run(run())


def test_a_path_is_read_from_the_working_folder_and_what_it_allows_is_told(told: Told) -> None:
    Path("b.yaml").write_text(text_of(public()))
    assert [entry.name for entry in loaded({"egress": [], "blueprint": "b.yaml"}).egress] == ["web"]
    assert told.info == ["blueprint.public-resources.web.targets[0]: allows web, 10.0.1.77 80/tcp"]
    assert told.warnings == []


def test_what_is_left_out_is_told_and_what_is_odd_is_warned_of(told: Told) -> None:
    document = {**public(site="shop"), **private()}
    Path("b.yaml").write_text(text_of(document))
    loaded({"egress": [], "blueprint": {"file": "b.yaml", "site": "nas"}})
    assert told.info[1:] == [
        "blueprint.public-resources.web.targets[0]: skipped: it belongs to another site, shop"
    ]
    (warning,) = told.warnings
    assert "newt.clients is false" in warning
