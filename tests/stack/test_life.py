"""From the first `pulumi up` to no change, another workstation, and an edited allow-list."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.deployment import Deployment
from tests.lab.server import Target
from tests.stack.observe import inspect, knock, on_nas, wait_for_tunnel

pytestmark = pytest.mark.lab

POSTGRES = {"name": "postgres", "host": "10.0.1.60", "port": 5432}


def test_the_first_up_creates_the_firewall_before_network_and_container(
    first_up: tuple[Deployment, str],
) -> None:
    _, printed = first_up
    order = [
        printed.index(f"{resource} created")
        for resource in (
            "newt-tunnel-firewall-rules",
            "newt-tunnel-newt-network",
            "newt-tunnel-newt-container",
            "newt-tunnel-proof-probes",
        )
    ]
    assert order == sorted(order), f"something came before its cage:\n{printed}"


def test_newt_exposes_gitea_through_the_tunnel_but_not_postgres_though_pangolin_orders_it(
    deployed: Deployment,
) -> None:
    lab = deployed.lab
    mark = lab.log("postgres").mark()
    lab.pangolin.expose(
        [Target(listen=3000, target="10.0.1.50:3000"), Target(listen=5432, target="10.0.1.60:5432")]
    )
    assert "gitea" in lab.pangolin.fetch(3000)["body"], "the allowed service must work"
    assert "error" in lab.pangolin.fetch(5432), "the forbidden one must not"
    assert lab.log("postgres").arrivals(mark) == [], "not one packet may reach postgres"


def test_the_outputs_tell_reach_host_firewall_proof_and_how_to_verify(deployed: Deployment) -> None:
    outputs = deployed.outputs()
    assert {"reach", "host", "firewall", "proof", "verify"} <= set(outputs)
    assert outputs["host"] == "ssh://admin@10.0.1.10:22", "the host is plain"
    gitea = next(row for row in outputs["reach"] if row["name"] == "gitea")
    assert gitea == {
        "name": "gitea",
        "destination": "10.0.1.50",
        "port": "3000",
        "protocol": "tcp",
        "origin": "egress",
    }
    verdicts = {(row["name"], row["port"]): row["verdict"] for row in outputs["proof"]}
    assert verdicts["gitea", "3000/tcp"] == "reached"
    assert verdicts["postgres", "5432/tcp"] == "blocked"
    assert verdicts["docker-host-ssh", "22/tcp"] == "blocked"
    assert "OPEN" not in verdicts.values()


def test_the_commands_under_verify_do_what_they_say(deployed: Deployment) -> None:
    status, host_ssh, _ = deployed.outputs()["verify"]
    run = deployed.workstation.run
    assert "in force" in run(["sh", "-c", status], env=deployed.environment).stdout
    refused = run(["sh", "-c", host_ssh], env=deployed.environment, check=False)
    assert refused.returncode != 0, "newt reached its own host"


def test_the_engine_shows_the_commands_under_verify_whole(deployed: Deployment) -> None:
    shown = deployed.pulumi("stack", "output", "verify").stdout + deployed.up()
    for line in "\n".join(deployed.outputs()["verify"]).splitlines():
        assert shown.count(line) >= 2, "once as asked for, and once at the end of up"


def test_a_second_up_changes_nothing(deployed: Deployment) -> None:
    deployed.preview("--expect-no-changes")
    assert re.search(r"Resources:\s+\d+ unchanged", deployed.up())


def test_another_workstation_sees_no_change_either(
    deployed: Deployment, engine: dict[str, str]
) -> None:
    other = Deployment(deployed.lab, engine, workstation=deployed.lab.workstation2)
    other.check_out()
    other.stack_file.write_text(deployed.stack_file.read_text())
    other.preview("--expect-no-changes")


def test_a_refresh_finds_nothing_to_change(deployed: Deployment) -> None:
    deployed.preview("--refresh", "--expect-no-changes")


def test_an_edited_allow_list_shows_the_rule_lines_that_change_and_no_other(
    deployed: Deployment,
) -> None:
    entries = [*deployed.setting("egress"), {"name": "wiki", "host": "10.0.1.50", "port": 3001}]
    deployed.edit(egress=entries)
    printed = deployed.preview("--diff")
    resources, _, outputs = printed.partition("--outputs:--")
    changed = [
        line.strip()
        for line in resources.splitlines()
        if re.match(r"\s+[+-] ", line) and "wiki" not in line
    ]
    assert changed == [], f"lines that the edit did not ask for:\n{printed}"
    assert outputs.count('+ name       : "wiki"') == 1, "the report gains one row"
    assert '10.0.1.50 . tcp . 3001 comment "newt: wiki"' in printed
    assert "replace" not in printed, "no container restart"


def test_an_edited_allow_list_updates_firewall_and_proof_without_a_restart(
    deployed: Deployment,
) -> None:
    lab = deployed.lab
    started = inspect(lab)["State"]["StartedAt"]
    assert not knock(lab, "10.0.1.60", 5432)
    deployed.edit(egress=[*deployed.setting("egress"), POSTGRES], mustNotReach=None)
    printed = deployed.up()
    assert "2 updated" in printed, printed
    assert knock(lab, "10.0.1.60", 5432), "what is allowed must work"
    assert inspect(lab)["State"]["StartedAt"] == started, "newt was restarted"
    deployed.preview("--expect-no-changes")


def test_a_revoked_target_is_cut_at_once_though_its_connection_stands(
    deployed: Deployment,
) -> None:
    lab = deployed.lab
    pid = inspect(lab)["State"]["Pid"]
    # One byte every tenth of a second, for a minute at the most, over one connection.
    talk = (
        "exec 3<>/dev/tcp/10.0.1.50/3000; "
        "for i in $(seq 600); do printf x >&3 || exit; sleep 0.1; done"
    )
    talking = lab.nas.popen(
        ["nsenter", "-t", str(pid), "-n", "bash", "-c", talk], stdout=subprocess.DEVNULL
    )
    try:
        mark = lab.log("gitea").mark()
        lab.log("gitea").wait("received", mark)
        deployed.edit(egress=[e for e in deployed.setting("egress") if "gitea" not in str(e)])
        deployed.up()
        mark = lab.log("gitea").mark()
        pid_counters = on_nas(lab, "newt-egress counters | grep 'not listed'")
        assert pid_counters.split("\t")[0] != "0", "the cut connection must run into the drop rule"
        assert [e for e in lab.log("gitea").since(mark) if e.event == "received"] == []
    finally:
        talking.kill()
        talking.wait()


def test_a_new_image_is_a_new_container_at_the_same_address(deployed: Deployment) -> None:
    deployed.edit(newt={"image": "fosrl/newt:1.15.9"})
    deployed.up()
    found = inspect(deployed.lab)
    assert found["NetworkSettings"]["Networks"]["newt"]["IPAddress"] == "172.30.0.10"
    assert found["State"]["Running"]
    wait_for_tunnel(deployed.lab)
