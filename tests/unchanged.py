"""What passed here is not tested again while nothing that decides about it has changed.

The lab, the engine and its plugins have tests of their own; so have the rules and the programs
on a Docker host, and the stacks as a whole, with real packets. That they passed is remembered in
the cache, as `go test` does it for a package, under the hash of all that decides it: the folders
that they stand on, the pinned packages, and the programs of this machine. Only a run of everything
remembers. What draws something new each time is never remembered; `--again` leaves out nothing.
"""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from newt_tunnel.stackfile.repository import BESIDE_PROGRAM, PROGRAM
from tests import cache
from tests.lab.docker_engines import NEWEST, chosen

REPOSITORY = Path(__file__).parents[1]
#: Decides about any test.
COMMON = (
    *("tests/__init__.py", "tests/cache.py", "tests/conftest.py"),
    *("requirements.txt", "requirements-dev.txt", "policies/requirements.txt", "pyproject.toml"),
)
#: Debian's list of what is installed: Docker, sshd, iptables.
PACKAGES = Path("/var/lib/dpkg/status")


@dataclass(frozen=True)
class Group:
    """Tests (folders end in a slash) that pass while `decides` stays the same."""

    tests: tuple[str, ...]
    decides: tuple[str, ...]
    #: Of `tests`, what stands on more than that.
    but: tuple[str, ...] = ()

    def has(self, module: str) -> bool:
        named = any(
            module.startswith(each) if each.endswith("/") else module == each for each in self.tests
        )
        return named and module not in self.but

    def digest(self) -> str:
        """The hash of all that decides whether they pass."""
        machine = " ".join((platform.release(), platform.machine(), platform.python_version()))
        packages = [PACKAGES] if PACKAGES.exists() else []
        files = (REPOSITORY / name for name in (*COMMON, *self.decides))
        return cache.digest([*files, *packages, machine, chosen(NEWEST).name])


#: What the tests run on: imports nothing of the product.
GROUND = Group(
    tests=("tests/engine/", "tests/lab/", "tests/standins/", "tests/cluster/test_node.py"),
    decides=(
        *("tests/engine", "tests/lab", "tests/standins"),
        *("tests/cluster/test_node.py", "tests/cluster/conftest.py"),
    ),
    # They hold the program to the engine, so they are the stacks'.
    but=("tests/engine/test_policy_pack.py", "tests/engine/test_which_files_are_read.py"),
)
#: The rules, and the programs that the Docker host runs.
HOST = Group(
    tests=("tests/host/", "tests/faults/host/"),
    decides=(
        *("newt_tunnel/__init__.py", "newt_tunnel/egress", "newt_tunnel/docker_host"),
        *("tests/host", "tests/faults", "tests/attack", "tests/lab"),
        *("tests/unit/egress/cases.py", "tests/unit/egress/strategies.py"),
    ),
    but=("tests/host/test_suggest.py",),
)
READERS = ("tests/stack/test_readme.py", "tests/cluster/stack/test_readme.py")
#: Both stacks, deployed and lived with: stands on everything but documents and unit tests.
STACKS = Group(
    tests=(
        *("tests/stack/", "tests/cluster/", "tests/host/test_suggest.py"),
        *("tests/engine/test_policy_pack.py", "tests/engine/test_which_files_are_read.py"),
    ),
    decides=(
        *(*PROGRAM, "Makefile", "tests/unit/settings/example.py"),
        *("tests/attack", "tests/cluster", "tests/demo", "tests/deployment.py", "tests/engine"),
        *("tests/faults", "tests/host", "tests/lab", "tests/stack", "tests/standins"),
        *("tests/unit/egress/cases.py", "tests/unit/egress/cluster_cases.py"),
        "tests/unit/egress/strategies.py",
    ),
    # The node is the ground's, the attacks are drawn anew, and the README has readers of its own.
    but=("tests/cluster/test_node.py", "tests/cluster/test_attacks.py", *READERS),
)
#: Both stacks, deployed by the README alone: stands on its text, too.
README = Group(
    tests=READERS,
    decides=(
        *STACKS.decides,
        *BESIDE_PROGRAM,
        "README.md",
        "docs/getting-started.md",
        "tests/readme.py",
    ),
)
GROUPS = (GROUND, HOST, STACKS, README)


class Unchanged:
    """In the process that hears of every test, and through it in those that run them."""

    def __init__(self, config: pytest.Config) -> None:
        self._outcomes: defaultdict[str, set[str]] = defaultdict(set)
        worker: Mapping[str, Any] | None = getattr(config, "workerinput", None)
        remembers = worker is None and _everything(config)
        passed = cache.root() / "passed"
        self._folders = {group: passed / group.digest() for group in GROUPS} if remembers else {}
        self._left_out: set[str] = set(worker["left_out"] if worker else ())
        if not config.option.again:
            marks = (mark for folder in self._folders.values() for mark in folder.glob("*"))
            self._left_out |= {mark.name.replace("--", "/") for mark in marks}

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["left_out"] = sorted(self._left_out)

    def pytest_report_header(self) -> list[str]:
        if not self._left_out:
            return []
        modules = f"{len(self._left_out)} modules with tests"
        return [f"{modules} are not run: they passed here, and what they stand on is unchanged"]

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        left_out = [item for item in items if module_of(item.nodeid) in self._left_out]
        items[:] = [item for item in items if module_of(item.nodeid) not in self._left_out]
        config.hook.pytest_deselected(items=left_out)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._outcomes[module_of(report.nodeid)].add(report.outcome)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus not in (0, pytest.ExitCode.TESTS_FAILED):
            return
        for group, folder in self._folders.items():
            folder.mkdir(parents=True, exist_ok=True)
            for module in passed(group, self._outcomes):
                (folder / module.replace("/", "--")).touch()


def passed(group: Group, outcomes: Mapping[str, Iterable[str]]) -> list[str]:
    """The modules to remember, by the outcomes of their tests: all have to have passed, at once."""
    return sorted(
        module for module, all_ in outcomes.items() if set(all_) == {"passed"} and group.has(module)
    )


def module_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _everything(config: pytest.Config) -> bool:
    """Whether no test was chosen on the command line."""
    option = config.option
    chosen = option.keyword or option.markexpr or getattr(option, "lf", False)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen
