"""`hook: docker-user`: the way to our rules leads over a jump of Docker's. Where that is gone the
cage is open: reported, closed where we may, and proved.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newt_tunnel.egress.proof_plan import Probe
from tests.host.rig import GITEA, POSTGRES, Host, declare

pytestmark = [pytest.mark.lab, pytest.mark.docker_user]

DECLARED = declare(arrangement="docker-user")
WAYS_LOST = {
    "the jump is deleted": ("-D FORWARD -j DOCKER-USER", "-I FORWARD 1 -j DOCKER-USER"),
    "everything is accepted first": ("-I FORWARD 1 -j ACCEPT", "-D FORWARD -j ACCEPT"),
    "newt's packets are accepted first": (
        "-I FORWARD 1 -i br-newt -j ACCEPT",
        "-D FORWARD -i br-newt -j ACCEPT",
    ),
}
LOST, FOUND = WAYS_LOST["the jump is deleted"]
PROBES = (
    Probe(name="gitea", address=GITEA, protocol="tcp", port="3000", must_reach=True),
    Probe(name="postgres", address=POSTGRES, protocol="tcp", port="5432", must_reach=False),
)


@pytest.fixture
def newt(host: Host) -> Iterator[Host]:
    host.apply(DECLARED)
    host.create_network()
    host.start_newt()
    yield host
    host.sh(
        f"iptables -C {FOUND.replace('-I', '').replace(' 1 ', ' ')} || iptables {FOUND}",
        check=False,
    )


def answers(host: Host, address: str, port: int) -> bool:
    return " at " in host.dial((address, port))[0]


@pytest.mark.engines
@pytest.mark.parametrize("way", WAYS_LOST)
def test_a_way_that_does_not_lead_to_the_rules_is_reported_and_newt_cut_off_until_it_does(
    newt: Host, way: str
) -> None:
    lost, found = WAYS_LOST[way]
    newt.sh(f"iptables {lost}")
    try:
        assert answers(newt, POSTGRES, 5432), "the cage must be open for this test"
        check, status = newt.check(), newt.egress("status", check=False)
        assert check["state"] == "drifted"
        for place in (check["open"], check["faults"], status.stdout):
            assert "the cage is open: FORWARD does not lead to DOCKER-USER" in place
            assert "restart Docker" in place
        assert status.returncode != 0

        done = newt.egress("refresh", check=False)

        assert done.returncode != 0
        assert "the cage is open" in newt.sh("journalctl -t newt-egress -n 3 -o cat")
        assert not answers(newt, POSTGRES, 5432)
        assert newt.check()["state"] == "drifted", "it is not well because it is closed"
    finally:
        newt.sh(f"iptables {found}")
    newt.egress("refresh")
    assert newt.check()["state"] == "ok"
    assert answers(newt, GITEA, 3000)
    assert not answers(newt, POSTGRES, 5432)


@pytest.mark.parametrize("refreshed", [False, True])
def test_an_update_of_an_open_cage_holds_newt_and_the_proof_shows_what_is_open(
    newt: Host, *, refreshed: bool
) -> None:
    newt.sh(f"iptables {LOST}")
    if refreshed:
        newt.egress("refresh", check=False)

    said = newt.apply(DECLARED).stdout

    assert "warning: the cage is open: FORWARD does not lead to DOCKER-USER" in said
    assert not newt.newt_runs()
    for mode in ("enforce", "warn"):
        proved = newt.prove(mode, *PROBES, check=False)
        assert proved.returncode != 0
        assert "OPEN" in proved.stdout, "what it means is measured"
        assert not newt.newt_runs()
    newt.sh(f"iptables {FOUND}")
    newt.prove("enforce", *PROBES)
    assert newt.newt_runs()


@pytest.mark.parametrize("before", ["nothing", "another hook"])
def test_a_first_cage_on_a_way_that_does_not_lead_there_is_refused(host: Host, before: str) -> None:
    if before == "another hook":
        host.apply(declare())
    host.sh(f"iptables {LOST}")
    try:
        said = host.refuses(DECLARED)
    finally:
        host.sh(f"iptables {FOUND}")
    assert "FORWARD does not lead to DOCKER-USER" in said
    assert "nothing was changed" in said


@pytest.mark.engines
def test_after_a_restart_of_docker_all_is_well_again(newt: Host) -> None:
    newt.sh(f"iptables {LOST}")
    newt.sh(
        "docker kill jellyfin; systemctl restart docker.service; docker start jellyfin newt-tunnel"
    )

    newt.egress("refresh")

    assert newt.check()["state"] == "ok"
