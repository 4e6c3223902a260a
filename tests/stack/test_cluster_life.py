"""The `k3s-home` stack on a real node: up, no change, revoke, a pod that is quicker, destroy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.demo.k3s_home import for_cluster
from tests.deployment import Deployment
from tests.lab import Lab
from tests.lab.kubernetes.cluster import Cluster
from tests.lab.server import Target
from tests.stack.observe import wait_for_tunnel

pytestmark = pytest.mark.lab

NEWT = ("deploy/newt-newt-newt", "newt-tunnel")
POSTGRES = {"name": "postgres", "service": "databases/postgres", "port": 5432}


@pytest.fixture(scope="module")
def first_up(
    lab: Lab, engine: dict[str, str], cluster: Cluster
) -> Iterator[tuple[Deployment, str]]:
    """The example stack, deployed, and what the engine printed."""
    deployment = for_cluster(lab, engine, cluster)
    deployment.check_out()
    deployment.configure_cluster(cluster.kubeconfig.read_text())
    printed = deployment.up()
    yield deployment, printed
    deployment.remove()


@pytest.fixture
def deployed(first_up: tuple[Deployment, str]) -> Iterator[Deployment]:
    """The running stack; its stack file is put back afterwards, and deployed if it had changed."""
    deployment, _ = first_up
    before = deployment.stack_file.read_text()
    wait_for_tunnel(deployment.lab)
    yield deployment
    if deployment.stack_file.read_text() != before:
        deployment.stack_file.write_text(before)
        deployment.up()


def test_policies_come_first_then_the_proof_and_newt_only_after_it(
    first_up: tuple[Deployment, str],
) -> None:
    _, printed = first_up
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


def test_newt_exposes_gitea_through_the_tunnel_but_not_postgres_though_pangolin_orders_it(
    deployed: Deployment, cluster: Cluster
) -> None:
    lab = deployed.lab
    mark = cluster.log("postgres").mark()
    lab.pangolin.expose(
        [
            Target(listen=3100, target="gitea.gitea.svc.cluster.local:3000"),
            Target(listen=3101, target="homeassistant.homeassistant.svc.cluster.local:80"),
            Target(listen=5433, target="postgres.databases.svc.cluster.local:5432"),
        ]
    )
    assert lab.pangolin.fetch(3100).get("status") == 200, "a pod by its target port"
    assert lab.pangolin.fetch(3101).get("status") == 200, "a Service by a named target port"
    assert "error" in lab.pangolin.fetch(5433)
    assert cluster.log("postgres").arrivals(mark) == [], "not one connection may reach postgres"


def test_the_measured_table_tells_blocked_from_nobody_at_home(deployed: Deployment) -> None:
    verdicts = {(row["name"], row["port"]): row["verdict"] for row in deployed.outputs()["proof"]}
    assert verdicts["gitea", "3000/tcp"] == "reached"
    assert verdicts["grafana", "3000/tcp"] == "blocked"
    assert verdicts["kubernetes-api", "443/tcp"] == "blocked"
    assert verdicts["cloud-metadata", "80/tcp"] == "not proved"
    assert "OPEN" not in verdicts.values()


def test_a_second_up_changes_nothing(deployed: Deployment) -> None:
    deployed.preview("--expect-no-changes")
    assert re.search(r"Resources:\s+\d+ unchanged", deployed.up())
    deployed.preview("--refresh", "--expect-no-changes")


def test_a_changed_allow_list_is_proved_anew_and_rolls_newt(
    deployed: Deployment, cluster: Cluster
) -> None:
    address = cluster.kubectl(
        "get", "service", "postgres", "--namespace=databases", "--output=jsonpath={.spec.clusterIP}"
    )
    before = _pod(cluster)
    assert not any(cluster.opens(*NEWT, [f"{address}:5432"]).values())
    kept = [entry for entry in deployed.setting("mustNotReach") if entry["name"] != "postgres"]
    deployed.edit(egress=[*deployed.setting("egress"), POSTGRES], mustNotReach=kept)
    deployed.up()
    assert _pod(cluster) != before, "a changed policy rolls newt"
    assert all(cluster.opens(*NEWT, [f"{address}:5432"]).values()), "what is allowed must work"
    deployed.preview("--expect-no-changes")


def test_a_pod_without_our_labels_reaches_nothing_in_newts_namespace(
    deployed: Deployment, cluster: Cluster
) -> None:
    image = deployed.setting("newt")["image"] if "newt:" in deployed.stack_file.read_text() else ""
    cluster.apply(_stray(image or "fosrl/newt:1.16.0"))
    try:
        cluster.wait("pod/stray", "condition=Ready", "newt-tunnel")
        opened = cluster.opens("stray", "newt-tunnel", ["203.0.113.10:443", "10.0.1.200:631"])
        assert not any(opened.values()), opened
    finally:
        cluster.kubectl("delete", "pod", "stray", "--namespace=newt-tunnel", "--now")
    assert deployed.outputs()


def test_a_rule_added_by_hand_is_shown_at_the_next_preview(
    deployed: Deployment, cluster: Cluster
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
        assert "was changed by hand" in deployed.preview()
    finally:
        count = len(json.loads(_policy(cluster))["spec"]["egress"]) - 1
        remove = {"op": "remove", "path": f"/spec/egress/{count}"}
        cluster.kubectl(*patch, f"--patch={json.dumps([remove])}")


def test_no_secret_is_readable_in_state_outputs_or_release(
    deployed: Deployment, cluster: Cluster
) -> None:
    secret = deployed.lab.pangolin.newt_secret
    for place, text in {
        "state": deployed.state(),
        "stack outputs": str(deployed.outputs()),
        "preview": deployed.preview("--diff"),
        "pod": cluster.kubectl("get", "pods", "--namespace=newt-tunnel", "--output=yaml"),
        "config maps": cluster.kubectl("get", "cm", "--namespace=newt-tunnel", "--output=yaml"),
        "release": cluster.helm("get", "all", "newt", "--namespace=newt-tunnel"),
    }.items():
        assert secret not in text, f"newtSecret stands in the {place}"


def test_destroy_leaves_nothing_in_the_cluster(
    first_up: tuple[Deployment, str], cluster: Cluster
) -> None:
    deployment, _ = first_up
    deployment.destroy()
    namespaces = cluster.kubectl("get", "namespaces", "--output=name")
    assert "newt-tunnel" not in namespaces


def _pod(cluster: Cluster) -> str:
    return cluster.kubectl(
        *("get", "pods", "--namespace=newt-tunnel", "--selector=newt.instance=newt"),
        *("--field-selector=status.phase=Running", "--output=name"),
    )


def _policy(cluster: Cluster) -> str:
    return cluster.kubectl(
        "get", "networkpolicy", "newt-tunnel-netpol", "--namespace=newt-tunnel", "--output=json"
    )


def _stray(image: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "stray", "namespace": "newt-tunnel"},
            "spec": {
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        "name": "stray",
                        "image": image,
                        "command": ["sleep", "300"],
                        "securityContext": {
                            "runAsNonRoot": True,
                            "runAsUser": 65534,
                            "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]},
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                    }
                ],
            },
        }
    )
