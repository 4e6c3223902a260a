"""The proof as a remote command, and the table it prints as a stack output."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pulumi
import pytest

from tests.unit.components import nas as example
from tests.unit.components.nas import (
    AS_ROOT,
    CONTAINER,
    MEASURED,
    PROBES,
    RULES,
    Host,
    as_left,
    deploy,
    table,
)
from tests.unit.components.recording import UNKNOWN, Recording, is_secret


def _plan(recording: Recording) -> list[str]:
    script: str = recording.named(PROBES).inputs["stdin"]
    arrangement, start, rest = script.partition("plan() { cat <<'END-OF-PLAN'\n")
    assert arrangement.startswith("# "), "the line above the plan is for people"
    assert start, "the plan must come as a here-document"
    return rest.partition("END-OF-PLAN\n")[0].splitlines()


def test_the_plan_is_plain_and_tries_all_that_is_allowed_and_all_that_is_not(
    nas: Recording,
) -> None:
    assert not is_secret(nas.named(PROBES).inputs["stdin"])
    assert {
        "reach tcp 10.0.1.50 3000 gitea",
        "reach tcp @{homeassistant.lan} 8123 homeassistant.lan",
        "reach tcp 203.0.113.10 443 pangolin",
        "reach udp 203.0.113.10 51820 pangolin",
        "block tcp 10.0.1.1 80 router",
        "block tcp 10.0.1.60 5432 postgres",
        "block tcp 10.0.1.10 22 docker-host-ssh",
        "block tcp 172.30.0.1 22 gateway-ssh",
        "block tcp 169.254.169.254 80 cloud-metadata",
        "block tcp 9.9.9.9 53 foreign-resolver",
    } <= set(_plan(nas))


def test_the_hosts_ssh_is_tried_at_the_port_it_listens_on() -> None:
    plan = _plan(deploy({"docker": {"port": 2222}}))
    assert "block tcp 10.0.1.10 2222 docker-host-ssh" in plan
    assert "block tcp 172.30.0.1 2222 gateway-ssh" in plan


def test_the_prober_itself_travels_behind_the_plan(nas: Recording) -> None:
    script = nas.named(PROBES).inputs["stdin"]
    assert script.index("plan()") < script.index("newt-proof: ")


@pytest.mark.parametrize("mode", ["enforce", "warn", "off"])
def test_the_command_names_the_mode_and_the_newt(mode: str) -> None:
    create = deploy({"proof": mode}).named(PROBES).inputs["create"]
    assert create == f"{AS_ROOT}sh -s -- {mode} nas"


def test_a_new_container_is_proved_anew(nas: Recording) -> None:
    assert f"id of {CONTAINER}" in nas.named(PROBES).inputs["triggers"]


def test_a_preview_knows_that_a_new_container_will_be_proved(preview: Recording) -> None:
    assert UNKNOWN in preview.named(PROBES).inputs["triggers"]


def test_without_a_change_nothing_is_proved_anew(nas: Recording) -> None:
    host = Host(as_left(nas))
    assert deploy(host=host).named(PROBES).inputs == deploy(host=host).named(PROBES).inputs


@pytest.mark.parametrize(
    "changes",
    [
        {"docker": {"firewall": "iptables"}},
        {"docker": {"hook": "docker-user"}},
        {"docker": {"persistence": "netfilter-persistent"}},
    ],
)
def test_rules_that_are_loaded_in_another_way_are_proved_anew(
    nas: Recording, changes: dict[str, Any]
) -> None:
    host = Host(as_left(nas))
    before, after = deploy(host=host), deploy(changes, host=host)
    assert after.named(RULES).inputs != before.named(RULES).inputs
    assert after.named(PROBES).inputs != before.named(PROBES).inputs, (
        "new rules that no packet has tried are not proved"
    )


def test_rules_that_had_to_be_loaded_again_are_proved_anew(nas: Recording) -> None:
    before = deploy(host=Host(as_left(nas)))
    after = deploy(host=Host(as_left(nas, state="drifted", faults="flushed")))
    assert after.named(RULES).inputs != before.named(RULES).inputs
    assert after.named(PROBES).inputs != before.named(PROBES).inputs, (
        "a host that somebody changed is the one that most needs a proof"
    )


def test_the_measured_table_is_a_stack_output_row_by_row(nas: Recording) -> None:
    keys = ("name", "destination", "port", "expected", "verdict", "evidence")
    assert nas.stack_outputs["proof"] == [dict(zip(keys, row, strict=True)) for row in MEASURED]


def test_each_row_tells_when_and_of_which_generation_it_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a proof that found a hole the engine keeps the last good output."""
    at, generation = "2026-08-02T09:00:00Z", "2026-08-01T12:00:00Z"
    head = f"measured {at}, generation {generation}, rules 8a5f0c1d\n"
    _printed(monkeypatch, head + table(*MEASURED))
    rows = deploy().stack_outputs["proof"]
    assert len(rows) == len(MEASURED)
    assert {(row["measured"], row["generation"]) for row in rows} == {(at, generation)}


def test_a_preview_does_not_know_the_table(preview: Recording) -> None:
    assert preview.stack_outputs["proof"] == UNKNOWN


def test_a_proof_that_is_off_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _printed(monkeypatch, "the proof is off: nothing was tried\n")
    assert deploy({"proof": "off"}).stack_outputs["proof"] == []


def test_an_open_cage_that_is_only_warned_of_is_in_the_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = ("postgres", "10.0.1.60", "5432/tcp", "block", "OPEN", "newt: connected, host: connected")
    _printed(monkeypatch, table(row))
    (found,) = deploy({"proof": "warn"}).stack_outputs["proof"]
    assert (found["name"], found["verdict"]) == ("postgres", "OPEN")


def test_a_table_with_a_verdict_that_nobody_knows_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _printed(monkeypatch, table(("postgres", "10.0.1.60", "5432/tcp", "block", "fine", "-")))
    with pytest.raises(pulumi.RunError, match="fine"):
        deploy()


def _printed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    computed = example.computed
    monkeypatch.setattr(
        example,
        "computed",
        lambda type_, name, inputs: (
            {"stdout": text} if name == PROBES else computed(type_, name, inputs)
        ),
    )


def test_the_whole_table_is_searched_once_and_not_for_every_row() -> None:
    with mock.patch("components.egress_proof.measurement", return_value={}) as searched:
        deploy()
    assert searched.call_count == 1, "500 rows would cost each preview half a second"
