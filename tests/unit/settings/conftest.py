"""Fixtures of the settings' tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pulumi import runtime

from settings.load import load
from settings.secrets import Secrets
from settings.stack import AnySettings
from tests.unit.settings.encrypted import Load, as_pulumi_hands_over
from tests.unit.settings.example import PREFIX


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
