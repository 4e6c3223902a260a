"""Whether newt's pods are the confined ones, by what the API lists."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from cluster import Unconfined, aftermath, confirm_confined
from egress.network_policy import DIGEST_ANNOTATION
from tests.unit.settings.example import cluster_settings

LABELS = {"newt.instance": "newt"}
DIGEST = "0123456789ab"


class Api:
    """Lists other pods at every look; the last ones stay."""

    def __init__(self, *looks: list[dict[str, Any]]) -> None:
        self._looks = itertools.chain(looks, itertools.repeat(looks[-1]))
        self.asked: set[str] = set()

    def each(self, path: str, read_one: Callable[[dict[str, Any]], Any]) -> list[Any]:
        self.asked.add(path)
        return [read_one(pod) for pod in next(self._looks)]


def pod(name: str, digest: str | None, **metadata: Any) -> dict[str, Any]:
    annotations = {} if digest is None else {DIGEST_ANNOTATION: digest}
    return {"metadata": {"name": name, "annotations": annotations, **metadata}}


OLD, NEW, STRAY = pod("newt-1", "another"), pod("newt-2", DIGEST), pod("shell", None)
GOING = pod("newt-0", "another", deletionTimestamp="2026-11-23T09:00:00Z")
PROOF = pod("proof", "another", labels={"batch.kubernetes.io/job-name": "proof"})


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes by in sleep alone."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda s: now.__setitem__(0, now[0] + s))


def confirm(monkeypatch: pytest.MonkeyPatch, *looks: list[dict[str, Any]]) -> Api:
    api = Api(*looks)
    monkeypatch.setattr(aftermath, "connect", lambda _settings, _kubeconfig: api)
    confirm_confined(cluster_settings(), None, LABELS, DIGEST)
    return api


def test_newts_pods_carry_the_policys_hash_and_the_proofs_and_those_that_go_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = confirm(monkeypatch, [NEW, GOING, PROOF])
    assert api.asked == {"/api/v1/namespaces/newt-tunnel/pods?labelSelector=newt.instance%3Dnewt"}


def test_a_rolling_update_may_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    confirm(monkeypatch, [OLD, NEW], [OLD, NEW], [NEW])


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ([], "the release made no pod labelled newt.instance=newt in newt-tunnel"),
        ([GOING, PROOF], "the release made no pod labelled"),
        ([OLD], f"newt's pods carry another policy's hash than {DIGEST}"),
        ([pod("newt-2", None)], "the chart does not take global.podAnnotations"),
        ([NEW, STRAY], "`kubectl delete pod shell --namespace=newt-tunnel`"),
        ([NEW, STRAY, OLD], "newt-1, shell in newt-tunnel is labelled newt.instance=newt"),
    ],
)
def test_what_is_not_confined_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, pods: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(Unconfined) as raised:
        confirm(monkeypatch, pods)
    assert said in str(raised.value)
