"""A runner's checkout, and a forge that answers it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.forge.checkout import Checkout
from tests.unit.forge.dummy import FLAVOURS, GITHUB, DummyForge, Flavour, serving


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


@pytest.fixture(params=FLAVOURS, ids=lambda flavour: str(flavour.name))
def forge(request: pytest.FixtureRequest) -> Iterator[DummyForge]:
    """Each of them."""
    flavour: Flavour = request.param
    with serving(flavour) as forge:
        yield forge


@pytest.fixture
def github() -> Iterator[DummyForge]:
    with serving(GITHUB) as forge:
        yield forge
