"""A host that is not as it was left: flushed, edited, half-applied, gone, or somebody else."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.deployment import Deployment
from tests.lab.waiting import wait_until
from tests.stack.observe import knock, on_nas

pytestmark = pytest.mark.lab

CONTAINER_ID = "docker container inspect -f '{{.Id}}' newt-tunnel"
RUNNING = "docker container inspect -f '{{.State.Running}}' newt-tunnel"
FLUSH = "nft delete table inet newt_guard_nas"
OUTSIDER = {"name": "outsider", "host": "198.51.100.66", "port": 8000}


def test_a_flushed_firewall_is_told_at_preview_and_mended_by_up(deployed: Deployment) -> None:
    on_nas(deployed.lab, FLUSH)
    printed = deployed.preview("--diff")
    assert "differs from what was deployed" in printed, printed
    assert "newt-tunnel-firewall-rules" in printed, "the firewall must be an update"
    announced = _announced(deployed)
    assert "docker:index/container:Container" not in announced, "up leaves it as it is"
    container = on_nas(deployed.lab, CONTAINER_ID)
    deployed.up()
    assert on_nas(deployed.lab, CONTAINER_ID) == container
    assert "state=ok" in on_nas(deployed.lab, "newt-egress check")
    deployed.preview("--expect-no-changes")


def _announced(deployed: Deployment) -> set[str]:
    """The types of the resources that a preview says it will change."""
    printed = deployed.preview("--json")
    document, _ = json.JSONDecoder().raw_decode(printed[printed.index("{") :])
    changes = [step for step in document["steps"] if step["op"] != "same"]
    return {step["urn"].split("::")[2].split("$")[-1] for step in changes}


def test_a_newt_stopped_by_hand_is_told_at_preview_and_started_by_up(deployed: Deployment) -> None:
    on_nas(deployed.lab, "docker stop newt-tunnel")
    assert "a newt that does not run (its container is exited)" in deployed.preview()
    deployed.up()
    assert on_nas(deployed.lab, RUNNING).strip() == "true"
    deployed.preview("--expect-no-changes")


def test_a_rule_added_by_hand_is_told_and_removed(deployed: Deployment) -> None:
    on_nas(deployed.lab, "nft insert rule inet newt_guard_nas egress ip daddr 10.0.1.60 return")
    assert knock(deployed.lab, "10.0.1.60", 5432), "the hole must be there for this test"
    assert "differs from what was deployed" in deployed.preview()
    deployed.up()
    assert not knock(deployed.lab, "10.0.1.60", 5432)


def test_rules_of_an_update_that_lost_its_connection_are_narrowed_by_the_reverted_program(
    deployed: Deployment,
) -> None:
    lab = deployed.lab
    reverted = deployed.stack_file.read_text()
    deployed.edit(egress=[*deployed.setting("egress"), OUTSIDER])
    # The connection goes when the new rules are loaded: a stand-in for `mv` tells the moment, which
    # is when the program is put in its place, and holds it.
    on_nas(
        lab,
        "cat >/usr/local/sbin/mv <<'END'; chmod +x /usr/local/sbin/mv\n"
        '#!/bin/sh\ncase $1 in *.new) : >/run/loaded; sleep 3 ;; esac\nexec /bin/mv "$@"\nEND',
    )
    try:
        update = subprocess.Popen(
            deployed.workstation.argv(
                ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "nas"]
            ),
            env=deployed.environment,
            cwd=deployed.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_until(lambda: "loaded" in on_nas(lab, "ls /run"), "the rules are loaded", 60)
        for pid in on_nas(lab, "pgrep -f 'sshd: admin@notty'").split():
            on_nas(lab, f"kill {pid}", check=False)
        printed, _ = update.communicate(timeout=120)
        assert update.returncode != 0, f"the update must notice the lost connection:\n{printed}"
        # The program on the host finishes what it began.
        free = "flock -n /run/newt-egress@nas.lock echo free || :"
        wait_until(lambda: "free" in on_nas(lab, free), "newt-egress ends", 60)
    finally:
        on_nas(lab, "rm -f /usr/local/sbin/mv /run/loaded")
    assert knock(lab, "198.51.100.66", 8000), "the wider rules must be in force for this test"

    deployed.stack_file.write_text(reverted)
    assert "an update that did not finish" in deployed.preview()
    deployed.up()
    assert not knock(lab, "198.51.100.66", 8000), "the reverted program must narrow the host again"
    deployed.preview("--expect-no-changes")


def test_an_unreachable_host_is_a_warning_at_preview_and_an_error_at_up(
    deployed: Deployment,
) -> None:
    on_nas(deployed.lab, "systemctl stop ssh")
    try:
        printed = deployed.preview("--expect-no-changes")
        assert "cannot be reached" in printed
        failed = deployed.pulumi("up", "--yes", "--skip-preview", check=False)
        assert failed.returncode != 0
        assert "nothing was changed" in failed.stdout
    finally:
        on_nas(deployed.lab, "systemctl start ssh")


def test_a_host_with_another_key_is_refused_before_anything_is_sent(deployed: Deployment) -> None:
    docker = deployed.setting("docker")
    foreign = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUkOGGpxZTyV4PuHi7U4OOWRyLfbmCM5j/4nEOPfSIu"
    deployed.edit(docker={**docker, "hostKey": foreign})
    refused = deployed.pulumi("preview", check=False)
    assert refused.returncode != 0
    assert "docker.hostKey" in refused.stdout
    assert "presents another key" in refused.stdout


def test_what_another_stack_has_on_the_host_is_refused(
    deployed: Deployment, engine: dict[str, str]
) -> None:
    other = Deployment(
        deployed.lab, engine, workstation=deployed.lab.workstation2, stack="intruder"
    )
    other.check_out()
    other.pulumi("stack", "init", "intruder")
    try:
        plain = deployed.stack_file.read_text().split("encryptionsalt")[0]
        salt = other.stack_file.read_text()
        other.stack_file.write_text(salt + plain)
        other.edit(newtSecret=None, sshPrivateKey=None)
        other.set_secret("newtSecret", "whatever-0123456789")
        refused = other.pulumi("up", "--yes", "--skip-preview", check=False)
        assert refused.returncode != 0
        said = " ".join(refused.stdout.split())
        assert "has the newt of stack newt-tunnel/nas, and that of newt-tunnel/intruder" in said
        assert "write docker.instance: intruder" in said
        assert "state=ok" in on_nas(deployed.lab, "newt-egress check")
    finally:
        other.pulumi("stack", "rm", "--yes", "--force")


def test_lost_state_on_the_host_is_made_anew_around_the_running_newt(deployed: Deployment) -> None:
    on_nas(deployed.lab, f"{FLUSH}; rm -rf /var/lib/newt-egress /usr/local/sbin/newt-egress")
    deployed.up()
    assert "state=ok" in on_nas(deployed.lab, "newt-egress check")
    assert not knock(deployed.lab, "10.0.1.60", 5432)
    deployed.preview("--expect-no-changes")
