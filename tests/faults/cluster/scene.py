"""newt's namespace in a cluster, with a newt that floods under the policies that the stack renders;
and what an administrator of that cluster can do and see.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from newt_tunnel.egress.network_policy import INSTANCE_LABEL, deny_all, newt_policy
from newt_tunnel.egress.rules import Policy, Rule
from tests.attack.cluster import GITEA, INSTANCE, KNOCKER, POLICY, network_policy, running_pods
from tests.faults.cluster import flood
from tests.faults.flood import Flood
from tests.host.rig import ATTACKER, PYTHON, eventually
from tests.lab import Lab
from tests.lab.kubernetes import Cluster
from tests.lab.kubernetes.cilium import STATE

NAMESPACE, NEWT = "newt-flooding", "newt"
AGENT = "cilium-agent"
GITEA_PORT = 3000
#: For what Kubernetes and its enforcer do by themselves, on a busy machine.
PATIENCE = 90.0


class Scene:
    """A cluster with a newt that floods, alone in its namespace."""

    def __init__(self, lab: Lab, cluster: Cluster) -> None:
        self.cluster = cluster
        self.pods = running_pods(cluster)
        self._lab = lab

    # --- newt -------------------------------------------------------------------------------------

    @contextmanager
    def namespace(self) -> Iterator[None]:
        """With newt's namespace; nobody waits until it is gone, but newt is."""
        metadata = {"name": NAMESPACE}
        self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        try:
            yield
        finally:
            self.clear()
            self.cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")

    def prepare(self, *, caged: bool) -> None:
        """A new newt, under its policies or under none."""
        self.clear()
        if caged:
            self.deny()
            self.allow()
        self._apply(_deployment(flood.arguments(self.pods)))
        self.newt_floods_again()

    def clear(self) -> None:
        """Pods first: none may outlive its policy."""
        for kinds in ("deployments,pods", "networkpolicies"):
            self.cluster.kubectl("delete", kinds, "--all", f"--namespace={NAMESPACE}")

    def newt(self) -> str:
        """The process id of newt's program on the node."""
        running = flood.Programs(self.cluster.node).running()
        assert len(running) == 1, f"newt is not one program but {len(running)}"
        return running[0]

    def newt_floods_again(self, after: str = "") -> None:
        """Returns when newt runs: another program than the one with the process id `after`."""
        programs = flood.Programs(self.cluster.node)
        eventually(
            lambda: len(programs.running()) == 1 and after not in programs.running(),
            "newt is started",
            within=PATIENCE,
        )
        eventually(lambda: any(programs.sent().values()), "newt has a network", within=PATIENCE)

    def newt_pods(self) -> list[dict[str, Any]]:
        """newt's pods as the cluster tells of them, without those that are just going."""
        listed = self.cluster.kubectl("get", "pods", f"--namespace={NAMESPACE}", "--output=json")
        pods: list[dict[str, Any]] = json.loads(listed)["items"]
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def delete_newt(self) -> None:
        """The pod, without grace: its Deployment makes another."""
        words = ("delete", "pod", f"--selector={INSTANCE_LABEL}={INSTANCE}", "--force")
        self.cluster.kubectl(*words, "--grace-period=0", f"--namespace={NAMESPACE}")

    def reaches(self, pod: str, port: int) -> bool:
        """Whether newt gets an answer over TCP from a pod that serves."""
        order = {"name": pod, "kind": "tcp", "token": "dial", "port": port}
        order["address"] = self.pods[pod].ipv4
        enter = ["nsenter", f"--target={self.newt()}", "--net", "--"]
        command = [*enter, *PYTHON, "-", "fire", json.dumps([order])]
        answers = json.loads(self.cluster.node.run(command, stdin=ATTACKER).stdout)
        return f"{pod} at" in answers[pod]

    def reaches_what_is_listed(self) -> None:
        listed = "newt reaches what is listed"
        eventually(lambda: self.reaches(GITEA, GITEA_PORT), listed, within=PATIENCE)

    # --- its cage ---------------------------------------------------------------------------------

    def deny(self) -> None:
        self._apply(network_policy("everybody", deny_all(), NAMESPACE))

    def allow(self, *more: Rule) -> None:
        """Lists those targets beside what is listed anyway."""
        self.allow_in_turn([more])

    def allow_in_turn(self, lists: list[tuple[Rule, ...]]) -> None:
        """One after the other, as fast as kubectl and the API are."""
        self._apply(
            *(
                network_policy("newt", newt_policy(_listing(more), INSTANCE), NAMESPACE)
                for more in lists
            )
        )

    def changes(self) -> int:
        """How often newt's policy was changed so far, as the API counts."""
        policy = ("networkpolicy", "newt", f"--namespace={NAMESPACE}")
        return int(self.cluster.kubectl("get", *policy, "--output=jsonpath={.metadata.generation}"))

    # --- its enforcer -----------------------------------------------------------------------------

    def agent_is_back(self) -> None:
        """Returns when Cilium's agent says that all is well with it and with every interface."""
        eventually(self._agent_is_well, "Cilium's agent is back", within=PATIENCE)

    def _agent_is_well(self) -> bool:
        try:
            state = self._ask_agent("/v1/healthz")["cilium"]["state"]
            endpoints = self._ask_agent("/v1/endpoint")
        except (OSError, http.client.HTTPException):
            return False  # it does not listen yet, or does not any more
        ready = {
            each["status"]["networking"]["interface-name"]
            for each in endpoints
            if each["status"]["state"] == "ready"
        }
        return state == "Ok" and ready >= flood.plugs(self.cluster.node)

    def _ask_agent(self, path: str) -> Any:
        where = Path(f"/proc/{self.cluster.node.init_pid()}/root{STATE}/cilium.sock")
        connection = _Local(where)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                raise http.client.HTTPException(f"{path}: {answer.status} {answer.reason}")
            return json.loads(answer.read())
        finally:
            connection.close()

    def node_is_well(self) -> None:
        """Returns when Kubernetes says that of the node, and Cilium's agent of itself."""
        self.agent_is_back()
        eventually(self._node_is_ready, "the node is ready", within=PATIENCE)

    def _node_is_ready(self) -> bool:
        ready = "--output=jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"
        asked = self.cluster.run("kubectl", "get", "nodes", ready, check=False)
        return asked.returncode == 0 and asked.stdout == "True"

    # --- the flood --------------------------------------------------------------------------------

    def flooded(self) -> AbstractContextManager[Flood]:
        """Looks at what arrives during the block."""
        return flood.flooded(self._lab, self.cluster.node, self.pods)

    def _apply(self, *objects: Mapping[str, Any]) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.cluster.apply(json.dumps(items))


class _Local(http.client.HTTPConnection):
    """HTTP over a socket of the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _listing(more: tuple[Rule, ...]) -> Policy:
    return replace(POLICY, allowed=(*POLICY.allowed, *more))


def _deployment(arguments: list[str]) -> dict[str, Any]:
    labels = {INSTANCE_LABEL: INSTANCE}
    pod = {
        "containers": [{"name": NEWT, "image": KNOCKER, "args": arguments}],
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NEWT, "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
