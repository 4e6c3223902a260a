"""Fixtures of the settings' tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pulumi import runtime

from newt_tunnel.settings.load import load
from newt_tunnel.settings.secrets import Secrets
from newt_tunnel.settings.stack import MODELS, AnySettings
from tests.unit.settings import encrypted as example
from tests.unit.settings.encrypted import WITH_SECRET, Load, Loaded, Refused, as_pulumi_hands_over
from tests.unit.settings.example import PREFIX, TREES


@pytest.fixture
def handed_over() -> Iterator[Load]:
    """``load()`` on what the engine hands over; ``encrypted`` is what Pulumi calls secret."""
    runtime.configure(runtime.Settings(project="newt-tunnel", stack="test"))

    def run(plain: Mapping[str, Any], encrypted: Mapping[str, Any]) -> tuple[AnySettings, Secrets]:
        marked = [f"{PREFIX}{key}" for key in encrypted]
        runtime.set_all_config(as_pulumi_hands_over({**plain, **encrypted}), marked)
        return load()

    yield run
    runtime.set_all_config({}, [])


@pytest.fixture
def loaded(handed_over: Load, platform: str) -> Loaded:
    """The example of the module's ``platform``, with changes."""

    def run(
        changes: Mapping[str, Any] | None = None, *, encrypted: Mapping[str, Any] = WITH_SECRET
    ) -> tuple[Any, Secrets]:
        settings, secrets = handed_over(TREES[platform](changes), encrypted)
        assert type(settings) is MODELS[platform]
        return settings, secrets

    return run


@pytest.fixture
def refused(handed_over: Load, platform: str) -> Refused:
    """The lines about it."""
    return lambda changes=None, **encrypted: example.refused(
        handed_over, TREES[platform](changes), encrypted
    )
