"""The proof stops a newt whose cage is open, and starts it again when the cage is closed."""

from __future__ import annotations

import pytest

from tests.deployment import Deployment
from tests.stack.observe import inspect, on_nas, wait_for_tunnel

pytestmark = pytest.mark.lab


@pytest.fixture
def opened(deployed: Deployment) -> Deployment:
    """A stack whose firewall lets gitea through although the proof holds it forbidden."""
    planner = deployed.folder / "egress" / "proof.py"
    honest = "for rule in policy.sorted_rules for probe in _probes(rule, must_reach=True)"
    text = planner.read_text()
    assert honest in text, "this test must be able to tell a lie"
    planner.write_text(text.replace(honest, honest.replace("=True", '=rule.name != "gitea"')))
    return deployed


def test_an_open_cage_stops_newt_fails_the_update_and_is_mended_by_the_next_good_proof(
    opened: Deployment,
) -> None:
    lab = opened.lab
    failed = opened.pulumi("up", "--yes", "--skip-preview", check=False)
    assert failed.returncode != 0, failed.stdout
    assert "the cage is open: newt was stopped" in failed.stdout
    assert "OPEN" in failed.stdout
    assert not inspect(lab)["State"]["Running"]
    on_nas(lab, "newt-egress refresh")
    assert not inspect(lab)["State"]["Running"], "a refresh must not start what the proof stopped"

    again = opened.pulumi("up", "--yes", "--skip-preview", check=False)
    assert again.returncode != 0, "still open: still stopped"
    assert not inspect(lab)["State"]["Running"]

    stack_file = opened.stack_file.read_text()
    opened.check_out()
    opened.stack_file.write_text(stack_file)
    opened.up()
    assert inspect(lab)["State"]["Running"], "the next good proof starts newt again"
    wait_for_tunnel(lab)


def test_with_warn_newt_runs_on_and_with_off_nothing_is_tried(deployed: Deployment) -> None:
    deployed.edit(proof="off")
    assert "the proof is off" in deployed.up()
    assert deployed.outputs()["proof"] == []
    assert inspect(deployed.lab)["State"]["Running"]
    deployed.edit(proof="warn")
    deployed.up()
    assert deployed.outputs()["proof"]
