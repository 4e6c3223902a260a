"""Every fault in a cluster, under the flood, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

from tests.attack.cluster import CAGED, GRAFANA
from tests.attack.siege import FREE
from tests.faults.cluster.faults import FAULTS, GRAFANA_PORT, Fault
from tests.faults.cluster.scene import PATIENCE, Scene
from tests.faults.finding import SETTLE, Finding, found
from tests.host.rig import eventually

CONTROL = "nothing (does the flood arrive?)"


def control(scene: Scene) -> Finding:
    """The flood of a newt without a policy: it has to arrive everywhere."""
    scene.prepare(caged=False)
    with scene.flooded() as flood:
        flood.goes_on()
        time.sleep(SETTLE)
    return Finding(FREE.name, CONTROL, flood)


def suffer(scene: Scene, faults: Sequence[Fault] = FAULTS) -> Iterator[Finding]:
    """Lets the faults happen to newt's cage, one after the other."""
    whole = False
    for fault in faults:
        if not whole:
            scene.prepare(caged=True)
        finding = found(
            CAGED,
            fault.name,
            scene.flooded(),
            partial(fault.happens, scene),
            mended=partial(_mended, scene),
            limit=fault.limit,
        )
        whole = not finding.wrong
        yield finding


def _mended(scene: Scene) -> None:
    """The next change finds an enforcer, and newt what is listed, and no more."""
    scene.allow()
    scene.node_is_well()
    unlisted = f"{GRAFANA} is not listed any more"
    eventually(lambda: not scene.reaches(GRAFANA, GRAFANA_PORT), unlisted, within=PATIENCE)
    scene.reaches_what_is_listed()
