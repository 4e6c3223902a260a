"""For every test: where the lab comes from, whether its Docker engine can do it, second tries, and
who shares a process."""

import pytest

from tests.lab.docker_engines import NEWEST, DockerEngine, chosen
from tests.shares import Shares, place
from tests.unchanged import Unchanged

LEAKY = ("host", "attack", "faults")

pytest_plugins = ("tests.lab.fixtures",)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--again", action="store_true", help="run what is unchanged, too")


def pytest_configure(config: pytest.Config) -> None:
    config.option.loadscopereorder = False
    config.pluginmanager.register(Unchanged(config), "unchanged")


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Shares:
    return Shares(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place(item.nodeid))
    impossible = [item for item in items if item.get_closest_marker("lab") and not _possible(item)]
    items[:] = [item for item in items if item not in impossible]
    config.hook.pytest_deselected(items=impossible)
    for item in items:
        if not item.get_closest_marker("lab"):
            continue
        # On a busy machine a process may be late: a test of a whole stack gets a second try, which
        # the report shows as R. Where packets may leak only a deadline does: a leak is one at once.
        leaky = item.path.parent.name in LEAKY or item.path.stem in ("test_attacks", "test_faults")
        late = ["not within", "TimeoutExpired", "the flood had"] if leaky else [".*"]
        item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=late))


def _possible(item: pytest.Item) -> bool:
    """Whether the Docker engine has a DOCKER-USER for a test that needs one."""
    callspec = getattr(item, "callspec", None)
    parameters = dict(callspec.params) if callspec else {}
    engine: DockerEngine = parameters.pop("engine", None) or chosen(NEWEST)
    named = "docker-user" in map(str, parameters.values())
    return not (engine.nftables and (named or item.get_closest_marker("docker_user")))
