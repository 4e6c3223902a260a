"""What the tests run *on* is not tested again while nothing of it has changed.

The lab, the engine and the stand-ins have tests of their own, which take a third of the time. They
import nothing of the product, so that they passed is remembered in the cache, as `go test` does it
for a package, under the hash of all that decides it: these folders, the pinned packages, and the
programs of this machine. Only a run of everything remembers; `--again` leaves out nothing.
"""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import cache

REPOSITORY = Path(__file__).parents[1]
FOLDERS = ("tests/engine", "tests/lab", "tests/standins")
#: Tests in another folder, of what is in these.
MODULES = ("tests/cluster/test_node.py",)
DECIDES = (
    *FOLDERS,
    *MODULES,
    *("tests/__init__.py", "tests/cache.py", "tests/conftest.py", "tests/cluster/conftest.py"),
    *("requirements.txt", "requirements-dev.txt", "policies/requirements.txt", "pyproject.toml"),
)
#: Debian's list of what is installed: Docker, sshd, iptables.
PACKAGES = Path("/var/lib/dpkg/status")


class Unchanged:
    """In the process that hears of every test, and through it in those that run them."""

    def __init__(self, config: pytest.Config) -> None:
        self._outcomes: defaultdict[str, set[str]] = defaultdict(set)
        worker: Mapping[str, Any] | None = getattr(config, "workerinput", None)
        remembers = worker is None and _everything(config)
        self._folder = cache.root() / "passed" / digest() if remembers else None
        self._left_out: set[str] = set(worker["left_out"] if worker else ())
        if self._folder and not config.option.again:
            self._left_out = {mark.name.replace("--", "/") for mark in self._folder.glob("*")}

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["left_out"] = sorted(self._left_out)

    def pytest_report_header(self) -> list[str]:
        if not self._left_out:
            return []
        modules = f"{len(self._left_out)} modules with tests of the lab, engine and stand-ins"
        return [f"unchanged since they passed here, so not run: {modules} (--again runs them)"]

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        left_out = [item for item in items if module_of(item.nodeid) in self._left_out]
        items[:] = [item for item in items if module_of(item.nodeid) not in self._left_out]
        config.hook.pytest_deselected(items=left_out)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._outcomes[module_of(report.nodeid)].add(report.outcome)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if self._folder is None or exitstatus not in (0, pytest.ExitCode.TESTS_FAILED):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for module in passed(self._outcomes):
            (self._folder / module.replace("/", "--")).touch()


def passed(outcomes: Mapping[str, Iterable[str]]) -> list[str]:
    """The modules to remember, by the outcomes of their tests: all have to have passed, at once."""
    return sorted(
        module
        for module, all_ in outcomes.items()
        if set(all_) == {"passed"}
        and (module in MODULES or module.startswith(tuple(f"{each}/" for each in FOLDERS)))
    )


def digest() -> str:
    """The hash of all that decides whether they pass."""
    machine = " ".join((platform.release(), platform.machine(), platform.python_version()))
    packages = [PACKAGES] if PACKAGES.exists() else []
    return cache.digest([*(REPOSITORY / name for name in DECIDES), *packages, machine])


def module_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _everything(config: pytest.Config) -> bool:
    """Whether no test was chosen on the command line."""
    option = config.option
    chosen = option.keyword or option.markexpr or getattr(option, "lf", False)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen
