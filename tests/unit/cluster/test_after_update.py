"""Whether newt's pods are the confined ones, by what the API lists."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import pytest

from newt_tunnel.cluster import Unconfined, confirm_confined
from newt_tunnel.cluster.reading.installed import Deployment, Installed, NewtPod, Revision
from newt_tunnel.cluster.state import after_update
from newt_tunnel.egress.network_policy import DIGEST_ANNOTATION
from tests.unit.settings.example import cluster_settings

LABELS = {"newt.instance": "newt"}
DIGEST = "0123456789ab"
GENERATION = "2026-12-01T04:00:00Z"
MARKS = {DIGEST_ANNOTATION: DIGEST, "newt-tunnel/generation": GENERATION}
HELM = (Revision(release="newt", number=1, status="deployed"),)


def pod(name: str, digest: str | None, generation: str = GENERATION, **more: object) -> NewtPod:
    marks = {} if digest is None else {**MARKS, DIGEST_ANNOTATION: digest}
    if generation != GENERATION:
        marks["newt-tunnel/generation"] = generation
    known: dict[str, object] = {"labels": tuple(LABELS.items()), "annotations": marks, **more}
    return NewtPod(name=name, **known)  # type: ignore[arg-type]  # what a test changes


OLD, NEW, STRAY = pod("newt-1", "another"), pod("newt-2", DIGEST), pod("shell", None)
OPENED = pod("newt-1", DIGEST, "2026-11-01T00:00:00Z")
GOING = pod("newt-0", "another", is_going=True)
CRASHING = pod("newt-2", DIGEST, is_ready=False, trouble="newt does not stay up: it ended 7 times")
DEPLOYMENT = Deployment(name="newt-newt-newt", labels=tuple(LABELS.items()))


def looked(*pods: NewtPod, **changes: object) -> Installed:
    whole = Installed(pods=pods, deployments=(DEPLOYMENT,), revisions=HELM)
    return replace(whole, **changes)  # type: ignore[arg-type]  # what a test changes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time goes by in sleep alone."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda s: now.__setitem__(0, now[0] + s))
    return now


@pytest.fixture(autouse=True)
def _clock(clock: list[float]) -> None:
    """In every test."""


def confirm(monkeypatch: pytest.MonkeyPatch, *looks: Installed) -> tuple[str, ...]:
    """Something else is there at every look; the last one stays."""
    there = itertools.chain(looks, itertools.repeat(looks[-1]))
    monkeypatch.setattr(after_update, "connect", lambda _settings, _kubeconfig: None)
    monkeypatch.setattr(after_update, "installed_in", lambda _client, _namespace: next(there))
    return confirm_confined(cluster_settings(), None, LABELS, MARKS, "newt")


def test_newts_pods_carry_the_policys_hash_and_those_that_go_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert confirm(monkeypatch, looked(NEW, GOING)) == ()


@pytest.mark.parametrize("before", [OLD, OPENED])
def test_a_rolling_update_may_overlap(monkeypatch: pytest.MonkeyPatch, before: NewtPod) -> None:
    assert confirm(monkeypatch, looked(before, NEW), looked(before, NEW), looked(NEW)) == ()


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ((), "the release made no pod labelled newt.instance=newt in newt-tunnel"),
        ((GOING,), "the release made no pod labelled"),
        ((OLD,), f"newt's pods carry another policy's hash than {DIGEST}"),
        ((OPENED,), f"newt's pods carry another policy's hash than {DIGEST}, {GENERATION}"),
        ((pod("newt-2", None),), "the chart does not take global.podAnnotations"),
        ((NEW, STRAY), "`kubectl delete pod shell --namespace=newt-tunnel`"),
        ((NEW, STRAY, OLD), "newt-1, shell in newt-tunnel is labelled newt.instance=newt"),
    ],
)
def test_what_is_not_confined_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, pods: tuple[NewtPod, ...], said: str
) -> None:
    with pytest.raises(Unconfined) as raised:
        confirm(monkeypatch, looked(*pods))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"deployments": (replace(DEPLOYMENT, replicas=0),)},
            "Deployment newt-newt-newt in newt-tunnel is scaled to 0, so no newt runs: run `pulumi "
            "up` again, or `kubectl --namespace=newt-tunnel scale deployment newt-newt-newt ",
        ),
        (
            {"deployments": (replace(DEPLOYMENT, refusal="exceeded quota: small"),)},
            "cannot make newt's pod: exceeded quota: small",
        ),
        ({"deployments": ()}, "newt's Deployment is gone from newt-tunnel"),
        ({"revisions": ()}, "Helm's release newt is gone from newt-tunnel, which the engine"),
        ({"pods": None}, "this user may not list the pods of newt-tunnel"),
    ],
)
def test_the_cause_is_one_sentence_and_known_at_once(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], changes: dict[str, object], said: str
) -> None:
    with pytest.raises(Unconfined) as raised:
        confirm(monkeypatch, looked(**changes))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "kubernetes.chart" not in str(raised.value), "the chart is not the cause"
    assert clock == [0.0]


def test_a_newt_that_does_not_stay_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = confirm(monkeypatch, looked(CRASHING))
    assert said == (
        "newt-2 in newt-tunnel: newt is not ready: newt does not stay up: it ended 7 times"
    )
    assert confirm(monkeypatch, looked(CRASHING), looked(NEW)) == (), "it gets some time"
