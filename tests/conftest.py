"""What every test may use: the lab, one for the whole session, brought up by who asks first."""

import pytest

pytest_plugins = ("tests.lab.fixtures",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On a busy machine a packet, or a whole process, may be late: a test in the lab gets a second
    try, which the report shows as R. One that fails twice has failed.
    """
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.flaky(reruns=1))
