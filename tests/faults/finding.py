"""One fault under the flood, and what became of the cage."""

from __future__ import annotations

import enum
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from newt_tunnel.egress import enforcers, limits
from tests.attack.siege import FREE
from tests.faults.flood import ENOUGH, Flood
from tests.lab.commands import LabError

Limit = limits.HostLimit | enforcers.EnforcerLimit

#: What says that something was not as it should be.
WRONG = (AssertionError, LabError, subprocess.TimeoutExpired)
#: How long the flood goes on after a fault.
SETTLE = 1.0


class Verdict(enum.Enum):
    """What became of the cage."""

    HELD = "held"
    BROKEN = "BROKEN"
    LIMIT = "limit"
    UNEXPECTED = "HELD THOUGH LISTED"
    SLOW = "TOO SLOW A FLOOD"
    ARRIVED = "arrived"
    BLANK = "BLANK"
    OPEN = "open"

    @property
    def broken(self) -> bool:
        return self in (Verdict.BROKEN, Verdict.UNEXPECTED, Verdict.SLOW, Verdict.BLANK)


@dataclass(frozen=True)
class Window:
    """When the cage was opened, and when it was seen to stand again."""

    opened: float
    closed: float


@dataclass(frozen=True)
class Finding:
    """One fault on one arrangement. ``wrong`` says what was not as it should be, beside arrivals;
    ``window`` is None where the cage must never be open, or was not seen to stand again."""

    arrangement: str
    fault: str
    flood: Flood
    limit: Limit | None = None
    window: Window | None = None
    wrong: str = ""

    @property
    def verdict(self) -> Verdict:
        arrived = self.flood.arrived
        if self.wrong:
            return Verdict.BROKEN
        if self.flood.rate < ENOUGH:
            return Verdict.SLOW
        if self.arrangement == FREE.name:
            return Verdict.ARRIVED if self.flood.arrived_everywhere else Verdict.BLANK
        if self.limit and not arrived.total():
            return Verdict.UNEXPECTED
        if self.window and not self.window.opened < self.flood.last < self.window.closed:
            return Verdict.BROKEN
        if self.limit:
            return Verdict.LIMIT
        if self.window:
            return Verdict.OPEN
        return Verdict.BROKEN if arrived.total() else Verdict.HELD

    @property
    def leaked(self) -> bool:
        """Whether something arrived that nothing accounts for."""
        accounted = self.arrangement == FREE.name or self.limit or self.window
        return not accounted and self.flood.arrived.total() > 0

    @property
    def open_for(self) -> float:
        """Seconds from the opening of the cage to the last packet that arrived."""
        return self.flood.last - self.window.opened if self.window else 0.0


def found(
    arrangement: str,
    fault: str,
    flooded: AbstractContextManager[Flood],
    happens: Callable[[], Window | None],
    *,
    mended: Callable[[], None] = lambda: None,
    limit: Limit | None = None,
) -> Finding:
    """Lets a fault happen under the flood, and has its traces ``mended`` before that ends."""
    window, wrong = None, ""
    with flooded as flood:
        flood.goes_on()
        try:
            window = happens()
            flood.goes_on()
            time.sleep(SETTLE)
            mended()
        except WRONG as error:
            wrong = str(error) or type(error).__name__
    return Finding(arrangement, fault, flood, limit, window, wrong)
