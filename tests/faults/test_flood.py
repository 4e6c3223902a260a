"""How fast a flood was, from what single looks at its programs tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.faults.flood import A_FEW, Flood, Meter

SECOND = 9000


def metered(*looks: Mapping[str, int]) -> Flood:
    """A look a second."""
    flood = Flood()
    meter = Meter(flood, looks[0], 0.0)
    for now, programs in enumerate(looks[1:], start=1):
        meter.read(programs, float(now))
    meter.end()
    return flood


def counts(*counts: int) -> Sequence[Mapping[str, int]]:
    return [{"newt": count} for count in counts]


@pytest.mark.parametrize(
    ("looks", "sent", "seconds"),
    [
        (counts(0, SECOND, 2 * SECOND), 2 * SECOND, 2),
        # It counts from the first look, whatever was sent before.
        (counts(5 * SECOND, 6 * SECOND), SECOND, 1),
        # A silence between packets, or one until the end, is slowness.
        (counts(0, SECOND, SECOND, 2 * SECOND), 2 * SECOND, 3),
        (counts(0, SECOND, SECOND), SECOND, 2),
        # None before the first packet.
        (counts(0, A_FEW, A_FEW, SECOND), SECOND, 1),
        # None while no program runs, nor between its end and that it is missed.
        ([*counts(0, SECOND, SECOND), {}, {}, {"new": SECOND}], 2 * SECOND, 2),
        ([*counts(0, SECOND), {}, {}], SECOND, 1),
    ],
)
def test_only_the_time_in_which_newt_ran_is_the_floods(
    looks: Sequence[Mapping[str, int]], sent: int, seconds: int
) -> None:
    flood = metered(*looks)
    assert (flood.sent, flood.seconds) == (sent, seconds)


def test_two_programs_that_take_turns_are_one_flood() -> None:
    flood = metered({"old": 0}, {"old": SECOND, "new": 0}, {"new": SECOND}, {"new": 2 * SECOND})
    assert flood.rate == SECOND
