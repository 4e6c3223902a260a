"""What every test may use, and what may run beside what when several processes share the tests."""

from pathlib import Path

import pytest

pytest_plugins = ("tests.lab.fixtures",)

TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.get_closest_marker("lab"):
            continue
        item.add_marker(pytest.mark.xdist_group(_share(item.path.relative_to(TESTS))))
        # On a busy machine a process may be late: a test of a whole stack gets a second try, which
        # the report shows as R. In tests/host only a deadline does: a leak at the first try is one.
        late = ["not within", "TimeoutExpired"] if item.path.parent.name == "host" else [".*"]
        item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=late))


def _share(path: Path) -> str:
    """Tests of one share use the same daemons, so one process runs them, one after the other."""
    if path.parts[0] == "host":
        return str(path)
    if path.parts[:2] == ("lab", "kubernetes") or path.name.startswith("test_cluster_"):
        return "cluster"
    if path.parts[0] == "standins":
        return f"standins {path.name.split('_')[1]}"
    return path.parts[0]
