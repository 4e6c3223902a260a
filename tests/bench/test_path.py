"""The way through the cage, as the benchmark measures it: one round, whatever it takes."""

from __future__ import annotations

import pytest

from tests.bench.figures import CONNECT, FREE, KEPT, LOAD, THROUGHPUT
from tests.bench.path import SIZES, NewtsPath
from tests.bench.samples import Samples
from tests.lab.commands import check
from tests.lab.fixtures import prefix, unavailable

pytestmark = pytest.mark.lab


def test_the_service_answers_through_every_list_and_nothing_is_left_behind() -> None:
    if reason := unavailable():
        pytest.skip(reason)
    samples = Samples()
    with NewtsPath(prefix("w")) as path:
        path.measure(samples)
        path.measure_loading(samples)

    lists = {(arrangement, size) for arrangement, sizes in SIZES.items() for size in sizes}
    for measure in (CONNECT, THROUGHPUT, KEPT):
        found = {(f.arrangement, f.targets) for f in samples.figures if f.measure == measure}
        assert found == lists | {(FREE, None)}
    loaded = {(f.arrangement, f.targets) for f in samples.figures if f.measure == LOAD}
    assert loaded == {(arrangement, size) for arrangement, size in lists if size}
    assert all(sample > 0 for figure in samples.figures for sample in figure.samples)
    assert f"{prefix('w')}-path" not in check(["ip", "netns", "list"])
