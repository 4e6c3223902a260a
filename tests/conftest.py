"""What every test may use: the lab, one for the whole session, brought up by who asks first."""

import pytest

pytest_plugins = ("tests.lab.fixtures",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On a busy machine a process may be late: a test of a whole stack gets a second try, which the
    report shows as R. Not those in tests/host: a leak at the first try is a leak.
    """
    for item in items:
        if item.get_closest_marker("lab") and item.path.parent.name != "host":
            item.add_marker(pytest.mark.flaky(reruns=1))
