"""The `k3s-home` stack deployed anew by the former program, moved, and taken down: nothing stays
behind, nothing gets out."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.stack.guest import NAMESPACE, guest, service_address
from tests.deployment import Deployment
from tests.lab.kubernetes.cluster import Cluster
from tests.stack.former import assert_today_changes_only_shell_programs, former_program

pytestmark = pytest.mark.lab

ELSEWHERE = "newt-elsewhere"
POLICY, DENY = "newt-tunnel-netpol", "newt-tunnel-deny"
AS_NEWT = {"newt.instance": "newt"}
#: How long a pod stays that does not want to go.
GRACE = 8
VOLUME_SECONDS = 60.0


def test_of_a_stack_that_the_former_program_deployed_only_the_shell_programs_change(
    first_up_on_cluster: tuple[Deployment, str], tmp_path: Path
) -> None:
    deployment, _ = first_up_on_cluster
    assert_today_changes_only_shell_programs(former_program(tmp_path), deployment)


def test_a_move_to_another_namespace_leaves_no_second_allow_policy_behind(
    first_up_on_cluster: tuple[Deployment, str], cluster: Cluster
) -> None:
    deployment, _ = first_up_on_cluster
    deployment.edit(
        kubernetes={**deployment.setting("kubernetes"), "namespace": ELSEWHERE},
        # Neither is looked at from here on, and each takes its time.
        proof="off",
        newt={"health": False},
    )
    deployment.up()
    assert _everywhere(cluster, "networkpolicies") == {(ELSEWHERE, DENY), (ELSEWHERE, POLICY)}
    assert {place for place, _ in _everywhere(cluster, "pods", "newt.instance=newt")} == {ELSEWHERE}
    assert NAMESPACE not in cluster.kubectl("get", "namespaces", "--output=name").split("/")


class Watch:
    """Which policies and pods there were in newt's namespace, again and again."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._over = threading.Event()
        self.seen: list[set[str]] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        watching = threading.Thread(target=self._look)
        watching.start()
        try:
            yield
        finally:
            self._over.set()
            watching.join()

    def _look(self) -> None:
        # Policies first: one that is missing there was gone before a pod that is seen after it.
        what = ("networkpolicies,pods", f"--namespace={self._namespace}", "--output=name")
        while not self._over.wait(0.2):
            done = self._cluster.run("kubectl", "get", *what, check=False)
            if done.returncode == 0:
                self.seen.append({line.rpartition("/")[2] for line in done.stdout.splitlines()})


def test_at_destroy_no_pod_outlives_its_confinement_and_nothing_is_left(
    first_up_on_cluster: tuple[Deployment, str], cluster: Cluster
) -> None:
    deployment, _ = first_up_on_cluster
    lab = deployment.lab
    namespace = deployment.setting("kubernetes")["namespace"]
    if namespace not in {name for _, name in _everywhere(cluster, "namespaces")}:
        deployment.up()  # a second try
    listed = "10.0.1.200:631"
    logs = {"grafana": cluster.log("grafana"), "router": lab.log("router")}
    forbidden = [f"{service_address(cluster, 'monitoring', 'grafana')}:3000", "10.0.1.1:80"]
    marks = {name: log.mark() for name, log in logs.items()}
    came = lab.log("printer").mark()
    watch = Watch(cluster, namespace)
    knocking = guest(
        *(cluster, "stubborn", AS_NEWT, 120, [listed, *forbidden]), namespace=namespace, grace=GRACE
    )
    with knocking, watch.at_work():
        cluster.wait("pod/stubborn", "condition=Ready", namespace)
        deployment.destroy()
    assert lab.log("printer").arrivals(came), "the control: its network worked"
    for name, mark in marks.items():
        assert logs[name].arrivals(mark) == [], f"{name} was reached during destroy"
    alone = [seen for seen in watch.seen if "stubborn" in seen and POLICY not in seen]
    assert alone, "the pod was to outlive newt's own policy, or nothing was tested"
    assert all(DENY in seen for seen in watch.seen if "stubborn" in seen)

    assert not [name for _, name in _everywhere(cluster, "namespaces") if "newt" in name]
    assert _everywhere(cluster, "networkpolicies") == set()
    for kind in ("clusterroles", "clusterrolebindings"):
        assert not [name for _, name in _everywhere(cluster, kind) if "newt" in name]
    deadline = time.monotonic() + VOLUME_SECONDS  # its provisioner cleans it with a pod
    while volumes := _everywhere(cluster, "persistentvolumes"):
        assert time.monotonic() < deadline, f"left: {volumes}"
        time.sleep(0.5)


def _everywhere(cluster: Cluster, kind: str, selector: str = "") -> set[tuple[str, str]]:
    """Namespace and name of all objects of a kind."""
    listed = cluster.kubectl(
        "get", kind, "--all-namespaces", "--output=json", f"--selector={selector}"
    )
    return {
        (item["metadata"].get("namespace", ""), item["metadata"]["name"])
        for item in json.loads(listed)["items"]
    }
