"""The proof stops a newt whose cage is open, and starts it again when the cage is closed."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.deployment import Deployment
from tests.lab import Lab
from tests.stack.observe import inspect, on_nas, wait_for_tunnel

pytestmark = pytest.mark.lab

#: Looks for newt's process until it is told to stop, and prints what it saw of it.
WATCHER = """
import json, pathlib, select, sys
seen = set()
while not select.select([sys.stdin], [], [], 0.01)[0]:
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() == "newt\\n":
                seen.add((process / "cmdline").read_text())
        except OSError:
            pass
print(json.dumps(sorted(seen)))
"""

#: Goes to the end of the module that plans the proof: gitea is a target that must not be reached.
LIE = """

from dataclasses import replace

honest = plan


def plan(*arguments, **options):
    return tuple(
        replace(probe, must_reach=probe.must_reach and probe.name != "gitea")
        for probe in honest(*arguments, **options)
    )
"""


@contextlib.contextmanager
def watched(lab: Lab) -> Iterator[list[str]]:
    """The command lines of newt's process that were in the NAS's process listing at any time."""
    seen: list[str] = []
    command = ["python3", "-I", "-S", "-c", WATCHER]
    with lab.nas.popen(command, stdin=subprocess.PIPE) as watcher:
        yield seen
        printed, _ = watcher.communicate(input="stop", timeout=20)
    seen += json.loads(printed)


@pytest.fixture
def opened(deployed: Deployment) -> Iterator[Deployment]:
    """A stack whose firewall lets gitea through although the proof holds it forbidden."""
    planner = deployed.folder / "newt_tunnel" / "egress" / "proof_plan.py"
    planner.write_text(planner.read_text() + LIE)
    yield deployed
    deployed.change_program()


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

    opened.change_program()
    opened.up()
    assert inspect(lab)["State"]["Running"], "the next good proof starts newt again"
    wait_for_tunnel(lab)


def test_a_held_newt_is_not_started_by_whatever_replaces_its_container(opened: Deployment) -> None:
    lab = opened.lab
    with watched(lab) as seen:
        assert opened.pulumi("up", "--yes", "--skip-preview", check=False).returncode != 0
    assert seen, "this must be able to see newt"
    for mode, change in (
        ("enforce", {"logLevel": "DEBUG"}),
        ("warn", {"health": False}),
        ("off", {"image": "fosrl/newt:1.15.9"}),
    ):
        was = inspect(lab)["Id"]
        opened.edit(newt=change, proof=mode)

        with watched(lab) as seen:
            failed = opened.pulumi("up", "--yes", "--skip-preview", check=False)
            on_nas(lab, "newt-egress refresh")

        assert seen == [], f"proof: {mode}: newt ran before a good proof"
        assert inspect(lab)["Id"] != was, "the container must be replaced for this test"
        assert inspect(lab)["State"]["Status"] == "created"
        assert failed.returncode != 0
        assert mode == "enforce" or "newt-egress release" in failed.stdout, "how to let it go"
        assert "held=yes" in on_nas(lab, "newt-egress check")

    opened.change_program()
    opened.edit(newt=None, proof="enforce")
    opened.up()
    assert inspect(lab)["State"]["Running"], "the next good proof starts newt"
    wait_for_tunnel(lab)
    opened.up()
    opened.preview("--expect-no-changes")


def test_with_warn_newt_runs_on_and_with_off_nothing_is_tried(deployed: Deployment) -> None:
    deployed.edit(proof="off")
    assert "the proof is off" in deployed.up()
    assert deployed.outputs()["proof"] == []
    assert inspect(deployed.lab)["State"]["Running"]
    deployed.edit(proof="warn")
    deployed.up()
    assert deployed.outputs()["proof"]
