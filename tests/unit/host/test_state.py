"""What is done about a host that is, or is not, as the last update left it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newt_tunnel.docker_host.payload import PROGRAM_PATH
from newt_tunnel.docker_host.state import (
    ForeignOwnerError,
    Generation,
    HostState,
    check_command,
    generation,
)
from tests.unit.egress.cases import declaration, golden

DECLARED = declaration(golden("nas"))
BEFORE = "2026-01-01T00:00:00Z"
NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
FRESH = "2026-02-03T04:05:06Z"


def host(
    state: str = "ok",
    *,
    hash: str = DECLARED.digest,
    confirmed: str = DECLARED.digest,
    owner: str = DECLARED.owner,
    faults: str = "",
) -> HostState:
    return HostState(
        state=state, owner=owner, hash=hash, generation=BEFORE, confirmed=confirmed, faults=faults
    )


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(host(), id="as declared"),
        pytest.param(host(confirmed="older"), id="as declared, not confirmed yet"),
        pytest.param(host(hash="older", confirmed="older"), id="as confirmed, declared anew"),
    ],
)
def test_a_host_as_it_was_left_keeps_its_generation_and_nothing_is_said(state: HostState) -> None:
    assert generation(state, DECLARED, NOW) == Generation(BEFORE), (
        "the program that changes nothing would be an update for ever"
    )


@pytest.mark.parametrize(
    ("state", "finding"),
    [
        pytest.param(HostState(state="absent"), "has no rules", id="fresh"),
        pytest.param(host("absent", owner=""), "has no rules", id="wiped"),
        pytest.param(
            host("drifted", faults="the jump is missing"), "the jump is missing", id="drifted"
        ),
        pytest.param(
            host("drifted", hash="other", faults="edited"), "edited", id="drifted and unfinished"
        ),
        pytest.param(
            host(hash="other", confirmed="older"), "did not finish", id="unfinished update"
        ),
        pytest.param(
            host(hash="other", confirmed=""), "did not finish", id="unfinished first update"
        ),
        pytest.param(
            host(hash="other"), "did not finish", id="unfinished, and the program was reverted"
        ),
    ],
)
def test_a_host_that_differs_gets_a_new_generation_and_the_user_is_told_why(
    state: HostState, finding: str
) -> None:
    decided = generation(state, DECLARED, NOW)
    assert decided.text == FRESH, "without another generation the engine sees no change"
    assert finding in decided.finding


def test_a_newt_that_the_proof_has_stopped_is_proved_again_by_the_next_update() -> None:
    found = generation(replace(host(), held="yes"), DECLARED, NOW)
    assert found.text == FRESH, "the program may be the one that the state holds: nothing would run"
    assert "proof found open" in found.finding


@pytest.mark.parametrize("state", ["ok", "drifted"])
def test_the_cage_of_another_stack_is_left_alone(state: str) -> None:
    foreign = replace(host(state, owner="newt-tunnel/other"), instance="nas")
    with pytest.raises(ForeignOwnerError, match="newt-tunnel/other") as error:
        generation(foreign, DECLARED, NOW)
    assert "write another docker.instance" in str(error.value), "what to do is missing"


def test_beside_the_one_newt_of_a_former_release_there_is_no_room_for_another_stacks() -> None:
    with pytest.raises(ForeignOwnerError, match="newt-tunnel/other") as error:
        generation(host("ok", owner="newt-tunnel/other"), DECLARED, NOW)
    assert "run pulumi up of newt-tunnel/other with this release first" in str(error.value)


def test_the_answer_of_the_host_is_read() -> None:
    answer = (
        "state=drifted\nowner=newt-tunnel/nas\nhash=abc\ngeneration=2026-01-01T00:00:00Z\n"
        "confirmed=def\nfaults=iptables mangle PREROUTING: there 2 times; x=y\n"
    )
    assert HostState.parse(answer) == HostState(
        state="drifted",
        owner="newt-tunnel/nas",
        hash="abc",
        generation="2026-01-01T00:00:00Z",
        confirmed="def",
        faults="iptables mangle PREROUTING: there 2 times; x=y",
    )


def test_a_host_without_the_program_is_absent() -> None:
    assert HostState.parse("state=absent\n") == HostState(state="absent")


def test_what_a_later_version_adds_to_the_answer_is_ignored() -> None:
    assert HostState.parse("Welcome to the NAS!\nstate=absent\ncolour=blue\n").state == "absent"


@pytest.mark.parametrize(
    "answer", ["", "\n", "sh: not found\n", "state=\n", "state=fine\n", "owner=newt-tunnel/nas\n"]
)
def test_anything_else_is_an_error_that_shows_what_was_said(answer: str) -> None:
    with pytest.raises(ValueError, match="not an answer of newt-egress") as error:
        HostState.parse(answer)
    assert repr(answer) in str(error.value)


def test_a_very_long_wrong_answer_is_cut() -> None:
    with pytest.raises(ValueError, match="not an answer") as error:
        HostState.parse("x" * 5000)
    assert len(str(error.value)) < 300, "the message would hide everything else"


@pytest.mark.parametrize(
    ("program", "answer"),
    [(None, "state=absent\n"), ('#!/bin/sh\necho "state=ok"; echo "asked=$*"\n', "asked=check\n")],
    ids=["no program", "a program"],
)
def test_the_command_asks_the_program_where_there_is_one(
    program: str | None, answer: str, tmp_path: Path
) -> None:
    path = tmp_path / "newt-egress"
    if program is not None:
        path.write_text(program)
        path.chmod(0o755)
    command = check_command("nas").replace(PROGRAM_PATH, str(path))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(answer)


def look(folder: Path, nft: str) -> HostState:
    """Run the command with the record in ``folder`` and with this ``nft``."""
    tool = folder / "nft"
    tool.write_text(f"#!/bin/sh\ncat >/dev/null\n{nft}\n")
    tool.chmod(0o755)
    command = check_command("nas").replace(PROGRAM_PATH, str(folder / "newt-egress"))
    done = subprocess.run(
        ["sh", "-c", command.replace("/var/lib/newt-egress", str(folder))],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return HostState.parse(done.stdout)


def test_the_command_reads_the_recorded_firewall_also_between_two_renames(tmp_path: Path) -> None:
    assert look(tmp_path, "").firewall == ""
    # A former release keeps the record of its one newt above the instances.
    for record, firewall in (
        ("previous", "nftables"),
        ("current", "iptables"),
        ("instances/nas/previous", "nftables"),
        ("instances/nas/current", "iptables"),
    ):
        (tmp_path / record).mkdir(parents=True)
        (tmp_path / record / "declaration").write_text(f"owner=x\nfirewall={firewall}\nnewt=y\n")
        assert look(tmp_path, "").firewall == firewall
    (tmp_path / "instances/nas/current/declaration").write_text("owner=x\n")
    assert look(tmp_path, "").firewall == "nftables", "a damaged record is no record"


def test_the_command_says_in_a_line_why_nft_cannot_hold_the_rules(tmp_path: Path) -> None:
    assert look(tmp_path, "").without_nft == ""
    refusing = look(tmp_path, "echo 'Error: syntax error'; echo '^^^'; exit 1")
    assert refusing.without_nft == "Error: syntax error"
    assert look(tmp_path, "exit 1").without_nft == "no reason given"


@pytest.mark.parametrize("newt", ["exited", "created"])
def test_a_newt_that_was_stopped_by_hand_is_told_and_started_by_the_next_update(newt: str) -> None:
    decided = generation(replace(host(), newt=newt), DECLARED, NOW)
    assert decided.text == FRESH, "without another generation the proof, which starts newt, rests"
    assert f"its container is {newt}" in decided.finding


def test_a_newt_that_is_held_is_told_as_held() -> None:
    decided = generation(replace(host(), newt="exited", held="yes"), DECLARED, NOW)
    assert "holds newt" in decided.finding


@pytest.mark.parametrize(
    ("newt", "remedy"),
    [
        ("absent", "pulumi up --refresh"),
        ("dead", "docker rm --force newt-tunnel"),
        ("paused", "docker unpause newt-tunnel"),
        ("restarting", "docker logs newt-tunnel"),
    ],
)
def test_a_newt_that_no_update_can_start_is_told_with_what_helps(newt: str, remedy: str) -> None:
    decided = generation(replace(host(), newt=newt), DECLARED, NOW)
    assert decided.text == BEFORE, "an update that changes nothing would be announced for ever"
    assert remedy in decided.finding
