"""The two Jobs of the proof, and what becomes of their tables."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.chart_values import POD_LABELS
from newt_tunnel.cluster import ClusterError
from newt_tunnel.egress.enforcers import EXEMPTIBLE, EXEMPTION
from tests.unit.cluster.home import PLAN
from tests.unit.components.k3s_home import (
    CONTROL,
    CONTROLLED,
    MEASURED,
    POLICY,
    PROOF,
    Cluster,
    Row,
    deploy,
    pod_of,
    table,
)
from tests.unit.components.recording import Recording

JOBS = pytest.mark.parametrize("name", [PROOF, CONTROL])


def environment(recording: Recording, name: str = PROOF) -> dict[str, Any]:
    (container,) = pod_of(recording.named(name))["containers"]
    return {one["name"]: one.get("value") for one in container["env"]}


def test_the_proof_runs_under_newts_own_label_and_policy(k3s_home: Recording) -> None:
    job = k3s_home.named(PROOF).inputs
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels == POD_LABELS, "whatever selects newt must select it"
    selector = k3s_home.named(POLICY).inputs["spec"]["podSelector"]["matchLabels"]
    assert selector.items() <= labels.items()
    assert job["metadata"]["namespace"] == "newt-tunnel"


def test_the_control_runs_where_no_policy_of_ours_holds(k3s_home: Recording) -> None:
    job = k3s_home.named(CONTROL).inputs
    assert job["metadata"]["namespace"] == "newt-tunnel-control"
    assert job["spec"]["template"]["metadata"].get("labels", {}) == {}


def test_both_try_the_same_plan(k3s_home: Recording) -> None:
    own, control = (environment(k3s_home, name) for name in (PROOF, CONTROL))
    assert (own["ROLE"], control["ROLE"]) == ("newt", "control")
    assert own["PLAN"] == control["PLAN"]
    assert own["PLAN"].splitlines() == list(PLAN)


@JOBS
def test_a_jobs_pod_gets_no_token_and_no_credentials(k3s_home: Recording, name: str) -> None:
    found = pod_of(k3s_home.named(name))
    assert found["automountServiceAccountToken"] is False
    assert found["enableServiceLinks"] is False, "they would list the namespace's Services"
    assert found["securityContext"] == {"fsGroup": 65534}
    (container,) = found["containers"]
    assert container["image"] == "fosrl/newt:1.16.0", "in newt's own image"
    assert "envFrom" not in container, "it needs no credentials"


@JOBS
def test_a_job_is_tried_once_its_reason_reaches_the_user_and_it_can_be_run_again(
    k3s_home: Recording, name: str
) -> None:
    job = k3s_home.named(name).inputs
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["activeDeadlineSeconds"] > 90, "the prober's own limit"
    assert pod_of(k3s_home.named(name))["restartPolicy"] == "Never"
    (container,) = pod_of(k3s_home.named(name))["containers"]
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert job["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}, (
        "a failed Job with the same inputs would not be run again"
    )
    assert "ttlSecondsAfterFinished" not in job["spec"], "a refresh would plan another one"


@pytest.mark.parametrize("mode", ["enforce", "warn"])
def test_the_prober_is_told_the_mode(mode: str) -> None:
    assert environment(deploy({"proof": mode}))["MODE"] == mode


def test_the_node_is_excused_only_where_the_stack_file_accepts_it(k3s_home: Recording) -> None:
    assert environment(k3s_home)["ACCEPT"] == ""
    accepting = environment(deploy({"kubernetes.acceptNodeAccess": True}))
    assert accepting["ACCEPT"] == "kubernetes-api node-ssh node-kubelet" == " ".join(EXEMPTIBLE)
    assert accepting["EXEMPTIBLE"] == environment(k3s_home)["EXEMPTIBLE"] == accepting["ACCEPT"]


def test_what_is_said_of_the_node_is_said_in_one_place(k3s_home: Recording) -> None:
    assert environment(k3s_home)["EXEMPTION"] == EXEMPTION


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"mustNotReach": []}, id="plan"),
        pytest.param({"egress": []}, id="policy"),
        pytest.param({"newt.image": "fosrl/newt:1.17.0"}, id="image"),
        pytest.param({"proof": "warn"}, id="mode"),
    ],
)
@JOBS
def test_whatever_is_tried_otherwise_is_tried_anew(
    k3s_home: Recording, changes: dict[str, Any], name: str
) -> None:
    assert deploy(changes).named(name).inputs["spec"] != k3s_home.named(name).inputs["spec"], (
        "a Job's spec cannot be changed: another one is another Job"
    )


# the table

_KEYS = ("name", "destination", "port", "expected", "verdict", "evidence")


def measured(*rows: Row, control: tuple[Row, ...] = CONTROLLED) -> Recording:
    return deploy(cluster=Cluster(logs=(table(*rows), table(*control))))


def test_the_measured_table_is_a_stack_output_with_what_the_control_saw(
    k3s_home: Recording,
) -> None:
    rows = [dict(zip(_KEYS, row, strict=True)) for row in MEASURED]
    rows[2] |= {"verdict": "blocked", "evidence": "newt: no answer, control: connected"}
    assert k3s_home.stack_outputs["proof"] == rows


def test_the_table_is_read_from_the_jobs_that_were_made() -> None:
    cluster = Cluster()
    deploy(cluster=cluster)
    assert (
        ("newt-tunnel", f"{PROOF}-1a2b3c4d"),
        ("newt-tunnel-control", f"{CONTROL}-1a2b3c4d"),
    ) in cluster.asked_for


def test_an_opening_that_fails_nothing_is_warned_of() -> None:
    row = ("grafana", "10.43.0.40", "3000/tcp", "block", "OPEN", "newt: connected")
    (warning,) = measured(row).messages("warning")
    assert warning == (
        "proof: grafana 10.43.0.40 3000/tcp: expected to block, OPEN (newt: connected)"
    )


def test_a_target_that_newt_alone_cannot_reach_is_warned_of() -> None:
    row = ("gitea", "10.43.0.20", "80/tcp", "reach", "not proved", "newt: no answer")
    recording = measured(row)
    (warning,) = recording.messages("warning")
    assert "gitea 10.43.0.20 80/tcp: expected to reach, blocked" in warning
    assert recording.stack_outputs["proof"][0]["verdict"] == "blocked"


def test_a_proof_that_is_off_has_no_table() -> None:
    cluster = Cluster(logs=AssertionError("nothing was tried, so there is nothing to read"))
    assert deploy({"proof": "off"}, cluster=cluster).stack_outputs["proof"] == []


def test_logs_that_cannot_be_read_fail_an_update_and_not_a_preview() -> None:
    cluster = Cluster(logs=ClusterError("k3s-home: log cannot be read"))
    assert deploy(cluster=cluster, preview=True).stack_outputs["proof"] == []
    with pytest.raises(pulumi.RunError, match="log cannot be read"):
        deploy(cluster=cluster)


def test_a_table_that_was_cut_is_a_sentence_and_no_traceback() -> None:
    cut = table(*MEASURED).rsplit("  ", 1)[0]
    with pytest.raises(pulumi.RunError, match="the table of the proof cannot be read: not a row"):
        deploy(cluster=Cluster(logs=(cut, table(*CONTROLLED))))


def test_a_proof_whose_log_is_gone_is_told() -> None:
    (warning,) = deploy(cluster=Cluster(logs=("", ""))).messages("warning")
    assert "is gone, and the measured table with it" in warning


def test_a_preview_does_not_miss_the_log_of_a_job_that_the_update_will_make() -> None:
    yet_to_come = Cluster(logs=(None, None))
    preview = deploy(cluster=yet_to_come, preview=True)
    assert preview.messages("warning") == []
    assert preview.stack_outputs["proof"] == []
    (warning,) = deploy(cluster=yet_to_come).messages("warning")
    assert "is gone, and the measured table with it" in warning


def test_the_table_says_when_and_of_which_generation_it_was_measured() -> None:
    line = "measured 2026-12-01T04:00:00Z, generation first, rules 0123456789abcdef\n"
    logs = (line + table(*MEASURED), table(*CONTROLLED))
    rows = deploy(cluster=Cluster(logs=logs)).stack_outputs["proof"]
    assert {(row["measured"], row["generation"]) for row in rows} == {
        ("2026-12-01T04:00:00Z", "first")
    }


def test_the_control_tries_the_canary_and_newt_does_not(k3s_home: Recording) -> None:
    assert environment(k3s_home, CONTROL)["CANARY"] == "10.43.0.10,9153"
    assert environment(k3s_home, PROOF)["CANARY"] == ""
    for job in (PROOF, CONTROL):
        assert environment(k3s_home, job)["GENERATION"] == "first"
        assert environment(k3s_home, job)["RULES"] == k3s_home.stack_outputs["firewall"]["digest"]
