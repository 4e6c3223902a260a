"""What the demo puts into a user's cluster: namespaces of its own, and the post's services in them.

Owns making, watching and removing these, with the user's own kubeconfig and its current context.
Every namespace is new: one that exists is refused, and what the demo did not make it never touches.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from urllib3.exceptions import HTTPError

from components.pod_defaults import CONTAINER_SECURITY, SMALL, resources
from newt_tunnel.cluster import OWNER
from tests.demo.image import SERVER
from tests.lab.commands import LabError
from tests.lab.kubernetes.neighbours import NEIGHBOURS, PORT_NAME, Neighbour
from tests.lab.waiting import wait_until

NEWT_NAMESPACE = "newt-demo"
#: The proof's control runs in the second.
NEWT_NAMESPACES = (NEWT_NAMESPACE, f"{NEWT_NAMESPACE}-control")
LABEL = "newt-tunnel/demo"
ANSWER_SECONDS = 20.0
READY_SECONDS = 90.0
GONE_SECONDS = 180.0
POLL = 1.0
NO_IMAGE = ("ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff")
NOT_FOUND = 404
# 124, or 143 in busybox: connected, and ended by `timeout`.
KNOCK = """
timeout 4 nc -w 2 "$0" "$1" </dev/null >/dev/null 2>&1
case $? in 0 | 124 | 143) echo open ;; *) echo shut ;; esac
"""


@dataclass(frozen=True, kw_only=True)
class Node:
    name: str
    address: str  # IPv4
    architecture: str


def namespace_of(neighbour: Neighbour) -> str:
    return f"{NEWT_NAMESPACE}-{neighbour.namespace}"


class Guests:
    """The demo's own objects in the cluster of the kubeconfig's current context."""

    def __init__(self) -> None:
        client: Any = import_module("kubernetes.client")
        config: Any = import_module("kubernetes.config")
        self._error: type[Exception] = client.ApiException
        configuration = client.Configuration()
        configuration.retries = False  # the client's own three would take three times as long
        try:
            config.load_kube_config(client_configuration=configuration)
            _, current = config.list_kube_config_contexts()
        except config.ConfigException as error:
            raise LabError(f"KUBECONFIG: {error}") from error
        self.context = str(current["name"])
        self._api: Any = client.CoreV1Api(client.ApiClient(configuration))
        self.server = str(configuration.host)
        self._made: list[str] = []

    def nodes(self) -> list[Node]:
        """Those with an IPv4 address, as the API has them."""
        found = []
        for node in self._api.list_node(_request_timeout=ANSWER_SECONDS).items:
            addresses = [
                one.address
                for one in node.status.addresses
                if one.type == "InternalIP" and ":" not in one.address
            ]
            if addresses:
                architecture = node.status.node_info.architecture
                found.append(
                    Node(name=node.metadata.name, address=addresses[0], architecture=architecture)
                )
        return found

    def refuse_what_exists(self) -> None:
        """LabError when a namespace is there that the demo would make, or nobody answers."""
        try:
            listed = self._api.list_namespace(_request_timeout=ANSWER_SECONDS).items
        except (self._error, HTTPError) as error:
            why = getattr(error, "reason", None) or type(error).__name__
            raise LabError(f"{self.server} does not list its namespaces: {why}") from error
        there = {one.metadata.name for one in listed}
        wanted = (*NEWT_NAMESPACES, *map(namespace_of, NEIGHBOURS))
        if taken := [name for name in wanted if name in there]:
            raise LabError(
                f"the cluster has the demo's namespaces already: {', '.join(taken)}. If an earlier "
                f"demo left them, remove them: kubectl delete namespace {' '.join(taken)}"
            )

    def move_in(self, image: str) -> None:
        """Makes the services and returns when they run; LabError when the nodes lack the image."""
        for neighbour in NEIGHBOURS:
            name = namespace_of(neighbour)
            self._api.create_namespace(
                {"metadata": {"name": name, "labels": {LABEL: "target"}}},
                _request_timeout=ANSWER_SECONDS,
            )
            self._made.append(name)
            pod, service = _pod(neighbour, image), _service(neighbour)
            self._api.create_namespaced_pod(name, pod, _request_timeout=ANSWER_SECONDS)
            self._api.create_namespaced_service(name, service, _request_timeout=ANSWER_SECONDS)
        wait_until(
            lambda: all(self._runs(neighbour) for neighbour in NEIGHBOURS),
            "the demo's pods run",
            READY_SECONDS,
            poll=POLL,
            explain=lambda: f"kubectl get pods --all-namespaces -l {LABEL}",
        )

    def arrivals(self, name: str) -> int:
        """How many connections the pod of the post's service NAME wrote down."""
        neighbour = next(one for one in NEIGHBOURS if one.name == name)
        said = self._api.read_namespaced_pod_log(
            name, namespace_of(neighbour), _request_timeout=ANSWER_SECONDS
        )
        events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        return sum(event["event"] == "connected" for event in events)

    def opens_from_target(self, address: str, port: int) -> bool:
        """Whether a pod that no policy confines gets a connection."""
        first = NEIGHBOURS[0]
        return self._opens(namespace_of(first), first.name, address, port)

    def newt(self) -> str:
        """newt's pod."""
        pods = self._api.list_namespaced_pod(
            NEWT_NAMESPACE,
            label_selector="newt.instance=newt,!batch.kubernetes.io/job-name",
            field_selector="status.phase=Running",
            _request_timeout=ANSWER_SECONDS,
        ).items
        if len(pods) != 1:
            raise LabError(f"{len(pods)} pods of newt run in {NEWT_NAMESPACE}, not one")
        return str(pods[0].metadata.name)

    def opens_from_newt(self, pod: str, address: str, port: int) -> bool:
        return self._opens(NEWT_NAMESPACE, pod, address, port)

    def said_in_newt(self, pod: str, command: Sequence[str]) -> str:
        return self._run(NEWT_NAMESPACE, pod, command)

    def api_service(self) -> str:
        """The address of the Kubernetes API inside the cluster."""
        service = self._api.read_namespaced_service(
            "kubernetes", "default", _request_timeout=ANSWER_SECONDS
        )
        return str(service.spec.cluster_ip)

    def move_out(self, owner: str) -> None:
        """Removes what was made, here and by the stack `owner`; returns when it is gone."""
        going = [*self._made, *(name for name in NEWT_NAMESPACES if self._is_of(name, owner))]
        for name in going:
            try:
                self._api.delete_namespace(name, _request_timeout=ANSWER_SECONDS)
            except self._error as error:
                if getattr(error, "status", None) != NOT_FOUND:
                    raise
        wait_until(
            lambda: all(self._namespace(name) is None for name in going),
            "the demo's namespaces are gone",
            GONE_SECONDS,
            poll=POLL,
            explain=lambda: f"see: kubectl get namespaces {' '.join(going)}",
        )
        self._made.clear()

    def _runs(self, neighbour: Neighbour) -> bool:
        """LabError when it never will."""
        pod = self._api.read_namespaced_pod(
            neighbour.name, namespace_of(neighbour), _request_timeout=ANSWER_SECONDS
        )
        for status in pod.status.container_statuses or ():
            waiting = status.state.waiting
            if waiting is not None and waiting.reason in NO_IMAGE:
                raise NoImage(waiting.message or waiting.reason)
            if status.ready:
                return True
        return False

    def _is_of(self, name: str, owner: str) -> bool:
        found = self._namespace(name)
        return found is not None and (found.metadata.annotations or {}).get(OWNER) == owner

    def _namespace(self, name: str) -> Any | None:
        try:
            return self._api.read_namespace(name, _request_timeout=ANSWER_SECONDS)
        except self._error as error:
            if getattr(error, "status", None) != NOT_FOUND:
                raise
            return None

    def _opens(self, namespace: str, pod: str, address: str, port: int) -> bool:
        command = ["sh", "-c", KNOCK, address, str(port)]
        return self._run(namespace, pod, command).strip() == "open"

    def _run(self, namespace: str, pod: str, command: Sequence[str]) -> str:
        stream: Any = import_module("kubernetes.stream")
        said: str = stream.stream(
            self._api.connect_get_namespaced_pod_exec,
            pod,
            namespace,
            command=list(command),
            stdout=True,
            stderr=True,
            stdin=False,
            tty=False,
            _request_timeout=ANSWER_SECONDS,
        )
        return said


class NoImage(LabError):
    """The node lacks the demo's image."""


def _pod(neighbour: Neighbour, image: str) -> dict[str, Any]:
    """Under Pod Security `restricted`, so that it runs wherever newt does."""
    container = {
        "name": neighbour.name,
        "image": image,
        "imagePullPolicy": "Never",
        "command": [SERVER, "serve", neighbour.name, "/dev/stdout", f":{neighbour.port}"],
        "ports": [{"name": PORT_NAME, "containerPort": neighbour.port}],
        "securityContext": CONTAINER_SECURITY,
        "resources": resources(SMALL),
    }
    return {
        "metadata": {"name": neighbour.name, "labels": {LABEL: "target", **neighbour.selector}},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [container],
            "terminationGracePeriodSeconds": 0,
        },
    }


def _service(neighbour: Neighbour) -> dict[str, Any]:
    port = {"port": neighbour.service_port, "targetPort": neighbour.target}
    return {
        "metadata": {"name": neighbour.name},
        "spec": {"selector": neighbour.selector, "ports": [port]},
    }
