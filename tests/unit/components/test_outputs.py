"""The stack's outputs: what a user sees at the end, and reads by ``pulumi stack output``."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.components.nas import deploy
from tests.unit.components.recording import UNKNOWN, Recording


def test_there_are_five_outputs(deployed: Recording) -> None:
    assert set(deployed.stack_outputs) == {"reach", "host", "firewall", "proof", "verify"}


def test_reach_lists_every_rule_with_the_key_it_comes_from(nas: Recording) -> None:
    rows = nas.stack_outputs["reach"]
    assert all(set(row) == {"name", "destination", "port", "protocol", "origin"} for row in rows)
    found = [(row["name"], row["destination"], row["port"], row["protocol"]) for row in rows]
    assert found == [
        ("dns", "10.0.1.53", "53", "tcp"),
        ("dns", "10.0.1.53", "53", "udp"),
        ("gitea", "10.0.1.50", "3000", "tcp"),
        ("homeassistant.lan", "homeassistant.lan", "8123", "tcp"),
        ("jellyfin", "10.0.1.10", "8096", "tcp"),
        ("pangolin", "203.0.113.10", "443", "tcp"),
        ("pangolin", "203.0.113.10", "51820", "udp"),
        ("printer", "10.0.1.200", "631", "tcp"),
    ]
    origins = {row["name"]: row["origin"] for row in rows}
    assert origins["dns"] == "dns"
    assert origins["pangolin"] == "pangolin.ports"
    assert origins["gitea"].startswith("egress")


def test_what_newt_must_not_reach_is_not_among_what_it_may(nas: Recording) -> None:
    names = {row["name"] for row in nas.stack_outputs["reach"]}
    assert names.isdisjoint({"router", "postgres"})


def test_the_host_is_plain_although_the_connection_is_secret(nas: Recording) -> None:
    assert nas.stack_outputs["host"] == "ssh://admin@10.0.1.10:22"


def test_firewall_says_how_and_where_newt_is_caged() -> None:
    outputs = deploy({"docker": {"firewall": "nftables", "persistence": "cron"}}).stack_outputs
    assert outputs["firewall"] == {
        "firewall": "nftables",
        "hook": "prerouting",
        "bridge": "br-newt",
        "newt": "172.30.0.10",
        "persistence": "cron",
    }


def test_a_first_preview_shows_all_that_does_not_depend_on_the_host(
    nas: Recording, preview: Recording
) -> None:
    for key in ("reach", "host", "verify"):
        assert preview.stack_outputs[key] == nas.stack_outputs[key]
    for key in ("firewall", "proof"):
        assert preview.stack_outputs[key] == UNKNOWN, "not before the rules are loaded and tried"


def test_the_components_register_what_they_found(nas: Recording) -> None:
    outputs = {
        nas.by_urn(urn).name: set(found)
        for urn, found in nas.registered_outputs.items()
        if nas.by_urn(urn).name != "newt-tunnel-nas"
    }
    assert outputs == {
        "newt-tunnel": {"reach", "host", "firewall", "verify", "proofMode", "reasons"},
        "newt-tunnel-firewall": {"arrangement"},
        "newt-tunnel-newt": {"container_id"},
        "newt-tunnel-proof": set(),
    }


def test_the_table_of_the_proof_is_in_the_state_once_because_copies_make_previews_slow(
    nas: Recording,
) -> None:
    holders = [
        nas.by_urn(urn).name
        for urn, outputs in nas.registered_outputs.items()
        if nas.stack_outputs["proof"] in outputs.values()
    ]
    assert holders == ["newt-tunnel-nas"]


def _remotely(command: str, folder: Path) -> list[str]:
    """Type ``command`` into a shell; return the words that ssh gets. Every other program fails."""
    ssh = folder / "ssh"
    ssh.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    ssh.chmod(0o755)
    typed = subprocess.run(
        ["/bin/sh", "-euc", command],
        env={"PATH": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (typed.returncode, typed.stderr) == (0, ""), "something was run on the workstation"
    return typed.stdout.splitlines()


@pytest.mark.parametrize(
    ("docker", "destination", "root"),
    [
        ({"user": "root"}, ["-p", "22", "root@10.0.1.10"], ""),
        (
            {"port": 2222},
            ["-p", "2222", "admin@10.0.1.10"],
            "sudo ",
        ),
    ],
)
def test_verify_lists_commands_that_run_on_the_host_when_they_are_pasted(
    tmp_path: Path, docker: dict[str, object], destination: list[str], root: str
) -> None:
    status, knock, comment = deploy({"docker": docker}).stack_outputs["verify"]
    assert _remotely(comment, tmp_path) == []
    assert "must fail" in comment
    words = _remotely(status, tmp_path)
    assert words[:3] == destination
    assert " ".join(words[3:]) == f"{root}/usr/local/sbin/newt-egress status"
    words = _remotely(knock, tmp_path)
    assert words[:3] == destination
    port = destination[1]
    assert " ".join(words[3:]) == f"docker exec newt-tunnel nc -w 3 10.0.1.10 {port}"
