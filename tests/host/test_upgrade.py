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
from tests.lab.docker_engines import ENGINES, HERE, NEWEST, DockerEngine

pytestmark = pytest.mark.lab

(OWN_BACKEND,) = (engine for engine in ENGINES if engine.nftables)


@pytest.fixture
def old(labs: Labs) -> Iterator[Host]:
    """A NAS with the old engine, which is gone after the test."""
    labs.close()
    yield labs.host(HERE)
    labs.close()


def flooding_in_a_cage(host: Host, arrangement: str) -> None:
    host.apply(declare(arrangement=arrangement, persistence="systemd"))
    host.create_network()
    start_flooding_newt(host, "--restart", "unless-stopped")


def nothing_arrives_of(host: Host, engine: DockerEngine | None) -> None:
    """While the engine takes the place of the one that runs; None: while the host loses power."""
    with flooded(host, rebooted=engine is None) as flood:
        flood.goes_on()
        if engine is None:
            host.lab.reboot_nas()
        else:
            host.lab.nas.upgrade(engine)
        flood.goes_on()
    when = engine.what if engine else "the boot"
    assert flood.arrived.total() == 0, f"with {when}: {flood.arrived}"
    assert flood.rate > ENOUGH, f"the flood had {flood.rate:.0f} packets a second"


def reaches_gitea(host: Host) -> bool:
    return "gitea at" in host.dial((GITEA, 3000))[0]


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_an_engine_that_is_upgraded_in_place_keeps_newt_in_its_cage(
    old: Host, arrangement: str
) -> None:
    assert {finding.verdict for finding in control(old)} == {Verdict.ARRIVED}
    flooding_in_a_cage(old, arrangement)

    nothing_arrives_of(old, NEWEST)
    assert old.check()["state"] == "ok"
    assert reaches_gitea(old)

    nothing_arrives_of(old, OWN_BACKEND)
    assert old.check()["state"] == "ok"
    assert not reaches_gitea(old), "FORWARD is as the former backend left it"

    nothing_arrives_of(old, None)
    assert old.check()["state"] == "ok"
    assert reaches_gitea(old)


def test_an_engine_without_docker_user_closes_the_cage_that_was_there(old: Host) -> None:
    flooding_in_a_cage(old, "docker-user")

    nothing_arrives_of(old, NEWEST)
    assert old.check()["state"] == "ok"
    assert reaches_gitea(old)

    nothing_arrives_of(old, OWN_BACKEND)
    nothing_arrives_of(old, None)
    assert old.check()["state"] != "ok"
    assert not reaches_gitea(old)
