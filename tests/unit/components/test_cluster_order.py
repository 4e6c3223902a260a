"""Newt's pods are looked at after the release; and the order without a proof."""

from __future__ import annotations

import pulumi
import pytest

from newt_tunnel.cluster import Unconfined
from newt_tunnel.egress.network_policy import DIGEST_ANNOTATION
from tests.unit.components.k3s_home import (
    CONTROL,
    CONTROL_NAMESPACE,
    PROOF,
    STACK,
    Cluster,
    deploy,
)
from tests.unit.components.test_order import CAGE, OF_NEWT


def test_without_a_proof_newt_still_comes_after_its_policies() -> None:
    recording = deploy({"proof": "off"})
    assert {PROOF, CONTROL, CONTROL_NAMESPACE}.isdisjoint(one.name for one in recording.resources)
    for one in OF_NEWT[STACK]:
        assert set(CAGE[STACK]) <= recording.needs(one)


def test_after_the_release_newts_pods_are_looked_at() -> None:
    cluster = Cluster()
    digest = deploy(cluster=cluster).stack_outputs["firewall"]["digest"]
    assert ({"newt.instance": "newt"}, {DIGEST_ANNOTATION: digest}) in cluster.asked_for


def test_a_preview_looks_at_no_pod() -> None:
    cluster = Cluster()
    deploy(cluster=cluster, preview=True)
    assert not any(isinstance(asked[0], dict) for asked in cluster.asked_for)


def test_a_newt_outside_its_policy_fails_the_update() -> None:
    open_cage = Unconfined("the release made no pod labelled newt.instance=newt")
    # Of anything but a RunError the user sees a traceback.
    with pytest.raises(pulumi.RunError, match="made no pod"):
        deploy(cluster=Cluster(unconfined=open_cage))


def test_a_newt_that_does_not_stay_up_is_named_and_fails_nothing() -> None:
    sentence = "newt-1 in newt-tunnel: newt is not ready: newt does not stay up"
    recording = deploy(cluster=Cluster(unready=(sentence,)))
    assert sentence in recording.messages("warning")
