"""Every fault on one arrangement of a Docker host, under the flood, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby

from tests.attack.siege import FREE, Arrangement
from tests.faults.finding import SETTLE, Finding, Verdict, found
from tests.faults.host.faults import FAULTS, Fault, Scene
from tests.faults.host.flood import flooded, start_flooding_newt
from tests.host.rig import GITEA, Host

CONTROL = "nothing (does the flood arrive?)"
CONTROL_OF_BOOTS = "nothing (is it seen as when the host loses power?)"
#: Docker takes its jump away for a moment: until a packet got through, and no longer.
TRIES = 8


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
    if limit is not None and not scene.host.has(limit):
        limit = None
    for _ in range(TRIES):
        finding = found(
            arrangement.name,
            fault.name,
            flooded(scene.host, rebooted=fault.rebooted),
            lambda: fault.happens(scene),
            mended=lambda: _mended(scene),
            limit=limit,
        )
        if finding.verdict is not Verdict.UNEXPECTED:
            break
    return finding


def _mended(scene: Scene) -> None:
    """The next apply finds a host to work on, and newt its target."""
    scene.apply()
    scene.stands("after the next apply")
    (answer,) = scene.host.dial((GITEA, 3000))
    assert "gitea at" in answer, f"newt does not reach what is listed any more: {answer}"
