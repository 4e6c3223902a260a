"""One deployment for all tests of this folder. A test leaves it as it found it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.deployment import Deployment
from tests.engine.prepare import prepare
from tests.engine.versions import PLUGINS_OF
from tests.lab import Lab
from tests.stack.observe import as_it_was


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """The environment in which ``pulumi`` works; PLUGINS=official or standin forces one kind."""
    return prepare(os.environ.get("PLUGINS", "auto"), PLUGINS_OF["nas"])


@pytest.fixture(scope="package")
def first_up(engine: dict[str, str], lab: Lab) -> Iterator[tuple[Deployment, str]]:
    """The example stack, deployed, and what the engine printed."""
    deployment = Deployment(lab, engine)
    deployment.check_out()
    deployment.configure()
    printed = deployment.up()
    yield deployment, printed
    deployment.destroy()


@pytest.fixture
def deployed(first_up: tuple[Deployment, str]) -> Iterator[Deployment]:
    """The running stack; its stack file is put back afterwards, and deployed if it had changed."""
    yield from as_it_was(first_up[0])
