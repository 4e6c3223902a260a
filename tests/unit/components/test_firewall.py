"""The firewall as a remote command: what it runs, what it says, and what makes it run again."""

from __future__ import annotations

import subprocess

import pytest

from newt_tunnel.egress.limits import DOCKER_USER
from tests.unit.components.nas import (
    AS_ROOT,
    COMMANDS,
    GENERATION,
    PROBES,
    RULES,
    Host,
    as_left,
    declared_files,
    deploy,
)
from tests.unit.components.recording import Recording, is_secret, public

IPTABLES = {"docker": {"firewall": "iptables"}}


@pytest.mark.parametrize(
    ("firewall", "line"),
    [
        ("nftables", '10.0.1.50 . tcp . 3000 comment "newt: gitea",\n'),
        (
            "iptables",
            "-A NEWT-EGRESS-nas -d 10.0.1.50 -p tcp -m tcp --dport 3000 -m comment "
            '--comment "newt: gitea" -j RETURN\n',
        ),
    ],
)
def test_the_rules_are_plain_text_that_a_diff_shows_line_by_line(firewall: str, line: str) -> None:
    declared = deploy({"docker": {"firewall": firewall}}).named(RULES).inputs["stdin"]
    assert not is_secret(declared), "a secret or unknown part would blank the whole diff"
    assert line in declared


def test_a_preview_shows_the_rules_too(nas: Recording, preview: Recording) -> None:
    assert preview.named(RULES).inputs["stdin"] == nas.named(RULES).inputs["stdin"]


def test_the_rules_come_before_the_program_that_loads_them() -> None:
    files = declared_files(deploy(IPTABLES))
    assert list(files) == ["rules4", "rules6", "declaration", "newt-egress"], (
        "a reviewer reads from the top"
    )


def test_what_is_declared_names_owner_bridge_network_container_and_persistence() -> None:
    lines = declared_files(deploy(IPTABLES))["declaration"].splitlines()
    assert {
        "owner=newt-tunnel/nas",
        "bridge=br-newt",
        "subnet=172.30.0.0/24",
        "gateway=172.30.0.1",
        "newt=172.30.0.10",
        "network=newt",
        "container=newt-tunnel",
        "persistence=systemd",
        "resolver=10.0.1.53",
        "jump4=PREROUTING -i br-newt -j NEWT-EGRESS-nas",
    } <= set(lines)


@pytest.mark.parametrize("persistence", ["systemd", "cron", "netfilter-persistent", "none"])
def test_the_host_is_told_how_the_rules_survive_a_restart(persistence: str) -> None:
    recording = deploy({"docker": {"persistence": persistence}})
    assert f"persistence={persistence}\n" in declared_files(recording)["declaration"]


def test_nftables_is_one_file_of_rules_and_no_jumps() -> None:
    recording = deploy({"docker": {"firewall": "nftables"}})
    files = declared_files(recording)
    assert list(files) == ["rules.nft", "declaration", "newt-egress"]
    assert "table inet newt_guard_nas" in files["rules.nft"]
    assert "jump" not in files["declaration"]


def test_what_travels_to_the_host_is_a_script_that_sh_understands(nas: Recording) -> None:
    script = nas.named(RULES).inputs["stdin"]
    checked = subprocess.run(
        ["sh", "-n"], input=script, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_the_commands_are_short_and_carry_the_generation(nas: Recording) -> None:
    rules = deploy(host=Host(as_left(nas))).named(RULES)
    assert rules.inputs["create"] == f"{AS_ROOT}sh -s -- apply {GENERATION}"
    assert rules.inputs["delete"] == f"{AS_ROOT}sh -s -- remove"
    assert public(rules.inputs["create"]) == rules.inputs["create"], (
        "a failing command prints itself, so it holds no secret and not the whole script"
    )


def test_removing_needs_nothing_but_the_old_declaration(nas: Recording) -> None:
    rules = nas.named(RULES).inputs
    assert "apply" not in rules["delete"]
    assert "remove" in rules["stdin"], "delete gets the old standard input, the program in it"


def test_a_command_that_deletes_is_never_replaced(nas: Recording) -> None:
    for name in COMMANDS:
        command = nas.named(name)
        if "delete" in command.inputs:
            assert "triggers" not in command.inputs, (
                "a replacement runs the new create, then the old delete: the cage would be gone"
            )
            assert not command.delete_before_replace, "and the other order opens a window"
    assert "delete" in nas.named(RULES).inputs


def test_an_update_runs_create_again(nas: Recording) -> None:
    for name in COMMANDS:
        assert "update" not in nas.named(name).inputs, (
            "with `update` set a changed declaration would run that instead"
        )


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_passed_in_the_environment_of_a_remote_command(
    nas: Recording, name: str
) -> None:
    inputs = nas.named(name).inputs
    assert inputs["addPreviousOutputInEnv"] is False, "sshd refuses variables it does not know"
    assert "environment" not in inputs, "sshd refuses variables it does not know"


def test_a_changed_allow_list_updates_firewall_and_proof_and_restarts_nothing(
    nas: Recording,
) -> None:
    host = Host(as_left(nas))
    before = deploy(host=host)
    after = deploy({"egress": [{"name": "gitea", "host": "10.0.1.50", "port": 3001}]}, host=host)
    changes = {
        (resource.name, key)
        for resource in before.resources
        for key in {*resource.inputs, *after.named(resource.name).inputs}
        if resource.inputs.get(key) != after.named(resource.name).inputs.get(key)
    }
    assert changes == {(RULES, "stdin"), (PROBES, "stdin")}


def test_the_order_of_the_stack_file_changes_nothing(nas: Recording) -> None:
    host = Host(as_left(nas))
    before = deploy(host=host)
    after = deploy(
        {
            "egress": [
                "homeassistant.lan:8123:tcp",
                {"name": "jellyfin", "host": "10.0.1.10", "port": 8096},
                {"name": "printer", "cidr": "10.0.1.200/32", "port": 631},
                {"name": "gitea", "host": "10.0.1.50", "port": 3000},
            ],
            "mustNotReach": [
                {"name": "postgres", "host": "10.0.1.60", "port": 5432},
                {"name": "router", "host": "10.0.1.1", "port": 80},
            ],
        },
        host=host,
    )
    inputs = [(resource.name, resource.inputs) for resource in before.resources]
    assert sorted(inputs, key=lambda item: item[0]) == sorted(
        ((resource.name, resource.inputs) for resource in after.resources),
        key=lambda item: item[0],
    )
    assert before.stack_outputs == after.stack_outputs


def test_docker_user_warns_of_all_that_it_cannot_stop() -> None:
    for preview in (True, False):
        recording = deploy({"docker": {"hook": "docker-user"}}, preview=preview)
        (warning,) = recording.messages("warning")
        assert warning.startswith("docker.hook: docker-user cannot stop everything:\n- ")
        assert "docker network create" in warning
        assert "no DOCKER-USER chain" in warning
        told = warning.splitlines()[1:]
        assert told == [f"- {limit}" for limit in DOCKER_USER]


def test_the_complete_arrangement_warns_of_nothing(nas: Recording) -> None:
    assert nas.messages("warning") == []


def test_docker_user_also_guards_the_host_itself() -> None:
    declaration = declared_files(deploy({"docker": {"hook": "docker-user"}}))["declaration"]
    assert "jump4=DOCKER-USER -i br-newt -j NEWT-EGRESS-nas\n" in declaration
    assert "jump4=INPUT -i br-newt -j NEWT-EGRESS-nas\n" in declaration
