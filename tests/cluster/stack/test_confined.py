"""Nothing in newt's namespace gets out, whoever asks for it: evidence on the targets' side."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from tests.cluster.stack.guest import NAMESPACE, guest, service_address
from tests.demo.k3s_home import ORDERS
from tests.deployment import Deployment
from tests.lab import Lab
from tests.lab.kubernetes.cluster import Cluster
from tests.lab.server import Target

pytestmark = pytest.mark.lab

POSTGRES = {"name": "postgres", "service": "databases/postgres", "port": 5432}
LISTENERS = {name: 7200 + number for number, (_, name, _, _) in enumerate(ORDERS)}
ALLOWED = [name for _, name, _, expected in ORDERS if expected == "yes"]
NEVER = ("grafana", "router", "outsider")
KNOCKING_SECONDS = 2


class Hostile:
    """Pangolin's owner, who asks newt for everything, all the time: when newt got what."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._over = threading.Event()
        self.answers: dict[str, list[float]] = defaultdict(list)

    def answered(self, name: str, since: float, until: float = math.inf) -> bool:
        return any(since < when < until for when in self.answers[name])

    def wait(self, name: str, since: float, within: float = 60.0) -> None:
        deadline = time.monotonic() + within
        while not self.answered(name, since):
            assert time.monotonic() < deadline, f"{name} did not answer within {within:.0f} s"
            time.sleep(0.1)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        targets = [Target(listen=LISTENERS[name], target=target) for _, name, target, _ in ORDERS]
        self._lab.pangolin.expose(targets)
        with ThreadPoolExecutor(len(LISTENERS)) as pool:
            working = [pool.submit(self._ask, name) for name in LISTENERS]
            try:
                yield
            finally:
                self._over.set()
                for one in working:
                    one.result()
                self._lab.pangolin.expose([])

    def _ask(self, name: str) -> None:
        while not self._over.wait(0.1):
            if "status" in self._lab.pangolin.fetch(LISTENERS[name], timeout=2.0):
                self.answers[name].append(time.monotonic())


def test_through_updates_newt_reaches_what_is_listed_and_nothing_else_though_pangolin_orders_it(
    on_cluster: Deployment, cluster: Cluster
) -> None:
    deployed, lab = on_cluster, on_cluster.lab
    before = deployed.stack_file.read_text()
    logs = {
        name: (cluster if name in ("grafana", "postgres") else lab).log(name)
        for name in (*NEVER, "postgres")
    }
    marks = {name: log.mark() for name, log in logs.items()}
    hostile = Hostile(lab)
    with hostile.at_work():
        for name in ALLOWED:
            hostile.wait(name, 0)
        assert logs["postgres"].arrivals(marks["postgres"]) == [], "it is not on the list yet"
        started, first = time.monotonic(), newts_pod(cluster)
        kept = [entry for entry in deployed.setting("mustNotReach") if entry["name"] != "postgres"]
        deployed.edit(egress=[*deployed.setting("egress"), POSTGRES], mustNotReach=kept)
        deployed.up()
        added = time.monotonic()
        assert (pod := newts_pod(cluster)) != first, "a changed policy rolls newt"
        for name in (*ALLOWED, "postgres"):
            hostile.wait(name, added)
        assert hostile.answered("gitea", started, added), "newt works while an update is proved"
        deployed.preview("--expect-no-changes")

        deployed.stack_file.write_text(before)
        deployed.up()
        revoked, mark = time.monotonic(), logs["postgres"].mark()
        assert newts_pod(cluster) not in (first, pod), "no connection outlives the pod that has it"
        for name in ALLOWED:
            hostile.wait(name, revoked)
        assert logs["postgres"].arrivals(mark) == [], "what is revoked is over at once"
    for name in NEVER:
        assert not hostile.answers[name]
        # The proof's control, which nothing confines, connects too; but it asks for nothing.
        asked = [entry for entry in logs[name].since(marks[name]) if entry.event == "received"]
        assert asked == [], f"newt reached {name}"


def test_a_pod_that_connects_from_its_first_instruction_does_not_get_out(
    on_cluster: Deployment, cluster: Cluster
) -> None:
    lab = on_cluster.lab
    listed = "10.0.1.200:631"
    forbidden = [
        f"{service_address(cluster, 'monitoring', 'grafana')}:3000",
        *("10.0.1.1:80", "198.51.100.66:443", "10.43.0.1:443"),
    ]
    guests = {
        "as-newt": {"newt.instance": "newt"},
        "mislabelled": {"newt.instance": "nwet"},
        "unlabelled": {},
    }
    logs = {name: (cluster if name == "grafana" else lab).log(name) for name in NEVER}
    marks = {name: log.mark() for name, log in logs.items()}
    with ExitStack() as stack:
        pods = {
            name: stack.enter_context(
                guest(cluster, name, labels, KNOCKING_SECONDS, [listed, *forbidden])
            )
            for name, labels in guests.items()
        }
        tried = {name: pod.result() for name, pod in pods.items()}
    for name, doors in tried.items():
        assert all(knocked.tried for knocked in doors.values()), f"{name} did not knock everywhere"
        assert [door for door in forbidden if doors[door].opened] == [], f"{name} got out"
        # The control: a pod with newt's own label has a network that works.
        assert bool(doors[listed].opened) == (name == "as-newt"), name
    for name, mark in marks.items():
        assert logs[name].arrivals(mark) == [], f"{name} was reached"


def newts_pod(cluster: Cluster) -> str:
    pods = cluster.kubectl(
        *("get", "pods", f"--namespace={NAMESPACE}", "--output=json"),
        "--selector=newt.instance=newt,!batch.kubernetes.io/job-name",
    )
    (pod,) = (
        item["metadata"]["name"]
        for item in json.loads(pods)["items"]
        if "deletionTimestamp" not in item["metadata"]
    )
    return str(pod)
