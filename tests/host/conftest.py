"""The NAS under test: as the lab brought it up, before and after every test.

Everything runs with the newest Docker engine, or with the one that ENGINE names. What is marked
`engines` runs with each of them: it is what an engine could do otherwise than another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.host.labs import Labs
from tests.host.rig import Host
from tests.lab.docker_engines import ENGINES, NEWEST, VARIABLE, DockerEngine, chosen
from tests.lab.fixtures import unavailable


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("engines")
    if marker is None:
        return
    engines = [chosen()] if os.environ.get(VARIABLE) else list(ENGINES)
    if marker.kwargs.get("besides_newest") and len(engines) > 1:
        engines.remove(NEWEST)
    ids = [engine.test_id for engine in engines]
    metafunc.parametrize("engine", engines, indirect=True, ids=ids, scope="package")


@pytest.fixture(scope="package")
def labs() -> Iterator[Labs]:
    if reason := unavailable():
        pytest.skip(reason)
    labs = Labs()
    yield labs
    labs.close()


@pytest.fixture(scope="package")
def engine(request: pytest.FixtureRequest) -> DockerEngine:
    return getattr(request, "param", None) or chosen(NEWEST)


@pytest.fixture(scope="module")
def nas(labs: Labs) -> Host:
    """The NAS, for what several tests of a module share."""
    return labs.host(chosen(NEWEST))


@pytest.fixture
def host(labs: Labs, engine: DockerEngine) -> Iterator[Host]:
    """The NAS with the engine, clean again when the test is over."""
    host = labs.host(engine)
    yield host
    host.reset()
