"""A stack deployed anew: by the former program, and by root; and its end. Last: it takes the stack
down."""

from __future__ import annotations

from pathlib import Path

import pytest

from newt_tunnel.docker_host.payload import PROGRAM_PATH
from newt_tunnel.docker_host.programs import EGRESS
from tests.deployment import Deployment
from tests.stack.former import assert_today_changes_only_shell_programs, former_program
from tests.stack.observe import firewall_of, inspect, knock, on_nas, wait_for_tunnel

pytestmark = pytest.mark.lab

TRACES = (
    "ls -d /var/lib/newt-egress /usr/local/sbin/newt-egress /etc/cron.d/newt-egress* "
    "/etc/systemd/system/newt-egress* /etc/systemd/system/*/newt-egress* || :"
)
OURS = "docker ps -aq -f name=newt-tunnel; docker network ls -q -f name=newt; docker volume ls -q"


def test_of_a_stack_that_the_former_program_deployed_only_the_shell_programs_change(
    first_up: tuple[Deployment, str], tmp_path: Path
) -> None:
    deployment, _ = first_up
    assert_today_changes_only_shell_programs(former_program(tmp_path), deployment)
    assert on_nas(deployment.lab, f"cat {PROGRAM_PATH}") == EGRESS


def test_destroy_removes_everything_firewall_last_beside_a_running_container(
    first_up: tuple[Deployment, str],
) -> None:
    deployment, _ = first_up
    lab = deployment.lab
    jellyfin = inspect(lab, "jellyfin")["State"]["StartedAt"]
    docker = on_nas(lab, "systemctl show -p MainPID docker")
    printed = deployment.destroy()
    assert printed.index("newt-tunnel-newt-container deleted") < printed.index(
        "newt-tunnel-firewall-rules deleted"
    ), "the cage must outlive newt"
    rules = firewall_of(lab)
    assert "NEWT" not in rules
    assert "newt_guard" not in rules
    assert "No such file" in on_nas(lab, TRACES)
    assert "/var/lib/newt-egress\n" not in on_nas(lab, TRACES)
    assert on_nas(lab, OURS).strip() == ""
    assert inspect(lab, "jellyfin")["State"]["StartedAt"] == jellyfin, "jellyfin was restarted"
    assert on_nas(lab, "systemctl show -p MainPID docker") == docker, "Docker was restarted"


def test_root_deploys_and_destroys_the_same_as_the_examples_user_with_sudo(
    first_up: tuple[Deployment, str],
) -> None:
    deployment, _ = first_up
    lab = deployment.lab
    before = deployment.stack_file.read_text()
    docker = deployment.setting("docker")
    assert (docker["user"], docker["sudo"]) == ("admin", True)
    deployment.edit(docker={**docker, "user": "root", "sudo": False})
    try:
        deployment.up()
        wait_for_tunnel(lab)
        assert knock(lab, "10.0.1.50", 3000)
        assert not knock(lab, "10.0.1.60", 5432)
        deployment.preview("--expect-no-changes")
        deployment.destroy()
        assert "newt_guard" not in firewall_of(lab)
    finally:
        deployment.stack_file.write_text(before)
