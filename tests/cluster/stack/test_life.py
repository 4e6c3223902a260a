"""The `k3s-home` stack on a real node: its order, what it measured, drift, secrets."""

from __future__ import annotations

import json
import re

import pytest

from tests.deployment import Deployment
from tests.lab.kubernetes.cluster import Cluster

pytestmark = pytest.mark.lab


def test_policies_come_first_then_the_proof_and_newt_only_after_it(
    first_up_on_cluster: tuple[Deployment, str],
) -> None:
    _, printed = first_up_on_cluster
    order = [
        re.search(rf"{resource} created", printed)
        for resource in (
            "newt-tunnel-egress-deny",
            "newt-tunnel-egress-policy",
            "newt-tunnel-proof-proving",
            "newt-tunnel-newt-release",
        )
    ]
    places = [found.start() for found in order if found]
    assert len(places) == len(order), printed
    assert places == sorted(places), f"something came before its cage:\n{printed}"


def test_the_measured_table_tells_blocked_from_nobody_at_home(on_cluster: Deployment) -> None:
    verdicts = {(row["name"], row["port"]): row["verdict"] for row in on_cluster.outputs()["proof"]}
    assert verdicts["gitea", "3000/tcp"] == "reached"
    assert verdicts["grafana", "3000/tcp"] == "blocked"
    assert verdicts["kubernetes-api", "443/tcp"] == "blocked"
    assert verdicts["cloud-metadata", "80/tcp"] == "not proved"
    assert "OPEN" not in verdicts.values()


def test_a_second_up_changes_nothing(on_cluster: Deployment) -> None:
    assert re.search(r"Resources:\s+\d+ unchanged", on_cluster.up("--expect-no-changes"))
    on_cluster.preview("--refresh", "--expect-no-changes")


def test_a_rule_added_by_hand_is_shown_at_the_next_preview(
    on_cluster: Deployment, cluster: Cluster
) -> None:
    rule = {
        "op": "add",
        "path": "/spec/egress/-",
        "value": {"to": [{"ipBlock": {"cidr": "10.0.1.60/32"}}]},
    }
    patch = (
        "patch",
        "networkpolicy",
        "newt-tunnel-netpol",
        "--namespace=newt-tunnel",
        "--type=json",
    )
    cluster.kubectl(*patch, f"--patch={json.dumps([rule])}")
    try:
        assert "newt-tunnel-netpol: is not as it was deployed" in on_cluster.preview()
    finally:
        count = len(json.loads(_policy(cluster))["spec"]["egress"]) - 1
        remove = {"op": "remove", "path": f"/spec/egress/{count}"}
        cluster.kubectl(*patch, f"--patch={json.dumps([remove])}")


def test_no_secret_is_readable_in_state_outputs_or_release(
    on_cluster: Deployment, cluster: Cluster
) -> None:
    secret = on_cluster.lab.pangolin.newt_secret
    for place, text in {
        "state": on_cluster.state(),
        "stack outputs": str(on_cluster.outputs()),
        "preview": on_cluster.preview("--diff"),
        "pod": cluster.kubectl("get", "pods", "--namespace=newt-tunnel", "--output=yaml"),
        "config maps": cluster.kubectl("get", "cm", "--namespace=newt-tunnel", "--output=yaml"),
        "release": cluster.helm("get", "all", "newt", "--namespace=newt-tunnel"),
    }.items():
        assert secret not in text, f"newtSecret stands in the {place}"


def _policy(cluster: Cluster) -> str:
    return cluster.kubectl(
        "get", "networkpolicy", "newt-tunnel-netpol", "--namespace=newt-tunnel", "--output=json"
    )
