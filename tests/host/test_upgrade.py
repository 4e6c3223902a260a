"""A host whose Docker is upgraded in place, from this machine's own to the newest, and then to its
nftables backend: newt floods forbidden targets throughout, and evidence is taken there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.finding import Verdict
from tests.faults.flood import ENOUGH
from tests.faults.host.flood import flooded, start_flooding_newt
from tests.faults.host.trial import control
from tests.host.labs import Labs
from tests.host.rig import COMPLETE, GITEA, Host, declare
from tests.lab.docker_engines import ENGINES, HERE, NEWEST

pytestmark = pytest.mark.lab

(OWN_BACKEND,) = (engine for engine in ENGINES if engine.nftables)


@pytest.fixture
def old(labs: Labs) -> Iterator[Host]:
    """A NAS with the old engine, which nobody has after the test."""
    labs.close()
    yield labs.host(HERE)
    labs.close()


def reaches_gitea(host: Host) -> bool:
    return "gitea at" in host.dial((GITEA, 3000))[0]


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_an_engine_that_is_upgraded_in_place_keeps_newt_in_its_cage(
    old: Host, arrangement: str
) -> None:
    assert {finding.verdict for finding in control(old)} == {Verdict.ARRIVED}
    old.apply(declare(arrangement=arrangement, persistence="systemd"))
    old.create_network()
    start_flooding_newt(old, "--restart", "unless-stopped")

    for engine in (NEWEST, OWN_BACKEND):
        with flooded(old) as flood:
            flood.goes_on()
            old.lab.nas.upgrade(engine)
            flood.goes_on()
        assert flood.arrived.total() == 0, f"{flood.arrived} with {engine.what}"
        assert flood.rate > ENOUGH
        assert old.check()["state"] == "ok", engine.what
        if engine is NEWEST:
            assert reaches_gitea(old)

    # The old engine's FORWARD lets nothing pass that only the new one's tables allow.
    with flooded(old, rebooted=True) as flood:
        old.lab.reboot_nas()
        flood.goes_on()
    assert flood.arrived.total() == 0, flood.arrived
    assert old.check()["state"] == "ok"
    assert reaches_gitea(old)
