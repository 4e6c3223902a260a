"""Every fault on one arrangement, under the flood, and what became of it."""

from __future__ import annotations

import enum
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from egress.limits import Limit
from tests.attack.siege import FREE, Arrangement
from tests.faults.faults import FAULTS, Fault, Scene, Window
from tests.faults.flood import ENOUGH, Flood, flooded, start_flooding_newt
from tests.host.rig import GITEA, Host
from tests.lab.commands import LabError

CONTROL = "nothing (does the flood arrive?)"
CONTROL_OF_BOOTS = "nothing (is it seen as when the host loses power?)"
#: What says that something was not as it should be.
WRONG = (AssertionError, LabError, subprocess.TimeoutExpired)
#: How long the flood goes on after a fault.
SETTLE = 1.0
#: Docker takes its jump away for a moment: until a packet got through, and no longer.
TRIES = 8


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
class Finding:
    """One fault on one arrangement. ``wrong`` says what was not as it should be, beside arrivals;
    ``window`` is None where the cage must never be open."""

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
        if self.window:
            repaired = self.window.opened < self.flood.last < self.window.closed
            return Verdict.OPEN if repaired else Verdict.BROKEN
        if self.limit:
            return Verdict.LIMIT if arrived.total() else Verdict.UNEXPECTED
        return Verdict.BROKEN if arrived.total() else Verdict.HELD

    @property
    def open_for(self) -> float:
        """Seconds from the opening of the cage to the last packet that arrived."""
        return self.flood.last - self.window.opened if self.window else 0.0


def control(host: Host) -> Iterator[Finding]:
    """The flood of a newt without a cage: it has to arrive, in whichever way that is watched."""
    try:
        host.create_network()
        start_flooding_newt(host)
        for rebooted, name in ((False, CONTROL), (True, CONTROL_OF_BOOTS)):
            with flooded(host, rebooted=rebooted) as flood:
                flood.goes_on()
                time.sleep(SETTLE)
            yield Finding(FREE.name, name, flood)
    finally:
        host.reset()


def suffer(
    host: Host, arrangement: Arrangement, faults: Sequence[Fault] = FAULTS
) -> Iterator[Finding]:
    """Lets the faults happen to newt's cage, one after the other; the host is as before when it
    ends."""
    assert arrangement.rules, "without a cage there is the control"
    mine = [fault for fault in faults if arrangement.rules in fault.rules]
    for persistence, group in groupby(mine, key=lambda fault: fault.persistence):
        scene = Scene(host, arrangement.rules, persistence)
        whole = False
        try:
            for fault in group:
                if not whole:
                    _prepare(scene)
                finding = _until_shown(scene, arrangement, fault)
                whole = not finding.wrong
                yield finding
        finally:
            host.reset()


def _prepare(scene: Scene) -> None:
    scene.host.reset()
    scene.apply()
    scene.host.create_network()
    start_flooding_newt(scene.host, "--restart", scene.restart)


def _until_shown(scene: Scene, arrangement: Arrangement, fault: Fault) -> Finding:
    """Of a known limit a packet has to be seen; it shows itself some of the times."""
    limit = fault.limit if fault.limit in arrangement.limits else None
    for _ in range(TRIES):
        finding = _happened(scene, arrangement, fault, limit)
        if finding.verdict is not Verdict.UNEXPECTED:
            break
    return finding


def _happened(scene: Scene, arrangement: Arrangement, fault: Fault, limit: Limit | None) -> Finding:
    window, wrong = None, ""
    with flooded(scene.host, rebooted=fault.rebooted) as flood:
        flood.goes_on()
        try:
            window = fault.happens(scene)
            flood.goes_on()
            time.sleep(SETTLE)
            _mended(scene)
        except WRONG as error:
            wrong = str(error) or type(error).__name__
    return Finding(arrangement.name, fault.name, flood, limit, window, wrong)


def _mended(scene: Scene) -> None:
    """The next apply finds a host to work on, and newt its target."""
    scene.apply()
    scene.stands("after the next apply")
    (answer,) = scene.host.dial((GITEA, 3000))
    assert "gitea at" in answer, f"newt does not reach what is listed any more: {answer}"
