"""The same for newt in a cluster: attacks from newt's pod on whatever enforces its policy.

The pod is one of newt's by its labels, under the policies that the stack renders. Evidence is taken
at the other end: at the interface of the pod that is attacked, on the wire behind the node, and in
what the node's kernel takes for its own.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newt_tunnel.egress.decide_connection import PeerPod as Peer
from newt_tunnel.egress.network_policy import INSTANCE_LABEL, deny_all, newt_policy
from newt_tunnel.egress.rules import Policy
from tests.attack.assault import NET_RAW, NO_CAPABILITIES
from tests.attack.attacks import (
    CONTAINER,
    DNS_PORT,
    DOT_PORT,
    ESP,
    FOREIGN_RESOLVER,
    GRE,
    IPIP,
    LOCAL,
    METADATA,
    POSTGRES_V6,
    SCTP,
    WIRE,
    Attack,
)
from tests.attack.siege import AS_DEPLOYED, FREE, REFUSED, WITHOUT_CAPABILITY, Finding
from tests.host.rig import (
    ATTACKER,
    NEEDLE,
    OUTSIDER,
    PANGOLIN,
    POSTGRES,
    PRINTER,
    PYTHON,
    RESOLVER,
    ROUTER,
    Wire,
    restricted,
    tap,
)
from tests.lab import Lab
from tests.lab.kubernetes import Cluster
from tests.lab.kubernetes.binaries import CILIUM
from tests.unit.egress.cluster_cases import policy

NAMESPACE, INSTANCE = "attacked", "newt"
NEWT, STRAY, OWN = "newt", "stray", "own"
IMAGE, KNOCKER = "lab/busybox:1", "lab/pod:1"
KNOCK_SECONDS = 2
NODE, NODE_V6 = "10.0.1.40", "fd10:1::40"
API_PORT, KUBELET_PORT, PROXY_PORT, NODE_PORT = 6443, 10250, 10256, 30080
GRAFANA, DATABASE, GITEA, DNS = "grafana", "postgres", "gitea", "coredns"
CAGED = f"Cilium {CILIUM}"
#: Cilium lets none of these out of a pod, whatever a policy says: other protocols, foreign sources.
DROPPED_ANYWAY = (
    "a GRE packet from newt's pod",
    "an SCTP packet from newt's pod",
    "an ESP packet from newt's pod",
    "a packet in a packet from newt's pod",
    "a foreign source to the LAN, from newt's pod",
    "a LAN source to the LAN, from newt's pod",
)
#: What an enforcer needs to take notice of a policy.
SETTLE_SECONDS = 3.0

POLICY: Policy = policy(
    f"""
    allow dns kube-system/k8s-app=kube-dns 53/udp
    allow dns kube-system/k8s-app=kube-dns 53/tcp
    allow gitea gitea/app.kubernetes.io/name=gitea 3000/tcp
    allow printer {PRINTER}/32 631/tcp
    allow pangolin {PANGOLIN}/32 443/tcp
    allow pangolin {PANGOLIN}/32 51820/udp
    """
)


@dataclass(frozen=True)
class Pod:
    """Where a pod is: its addresses, and its network namespace on the node; and what policies know
    it by."""

    ipv4: str
    ipv6: str
    namespace: str
    peer: Peer


class Place:
    """A cluster with newt's namespace in it, and pods to attack from."""

    def __init__(self, lab: Lab, cluster: Cluster) -> None:
        self._lab = lab
        self._cluster = cluster
        self.pods: dict[str, Pod] = {}

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Place]:
        """With newt's namespace; afterwards it is empty, which is quicker than to remove it."""
        metadata = {"name": NAMESPACE}
        self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        try:
            self._apply(_pod(NEWT, {INSTANCE_LABEL: INSTANCE}), _pod(STRAY), _pod(OWN))
            self._apply(_node_port())
            for name in (NEWT, STRAY, OWN):
                self._cluster.wait(f"pod/{name}", "condition=Ready", NAMESPACE)
            self.pods = running_pods(self._cluster)
            yield self
        finally:
            self._kubectl("delete", "pods,networkpolicies", "--all", f"--namespace={NAMESPACE}")
            self._kubectl("delete", "service", "node-port", "--namespace=monitoring")

    def cage(self) -> None:
        self.allow(POLICY)
        time.sleep(SETTLE_SECONDS)

    def allow(self, policy: Policy) -> None:
        """Returns before the enforcer has taken notice."""
        self._apply(
            network_policy("everybody", deny_all()),
            network_policy("newt", newt_policy(policy, INSTANCE)),
        )

    def uncage(self) -> None:
        self._kubectl("delete", "networkpolicies", "--all", f"--namespace={NAMESPACE}")
        time.sleep(SETTLE_SECONDS)

    @contextlib.contextmanager
    def unlabelled(self) -> Iterator[None]:
        """Somebody takes newt's label from its pod."""
        place = ("label", "pod", NEWT, f"--namespace={NAMESPACE}")
        self._kubectl(*place, f"{INSTANCE_LABEL}-")
        time.sleep(SETTLE_SECONDS)
        try:
            yield
        finally:
            self._kubectl(*place, f"{INSTANCE_LABEL}={INSTANCE}")
            time.sleep(SETTLE_SECONDS)

    def service(self, namespace: str, name: str) -> str:
        address = "--output=jsonpath={.spec.clusterIP}"
        return self._kubectl("get", "service", name, f"--namespace={namespace}", address)

    def fire(
        self, attacks: Sequence[Attack], source: str, capabilities: str
    ) -> tuple[dict[str, str], dict[str, Wire]]:
        """What the attacker in the pod `source` heard, and what was tapped at each place."""
        with contextlib.ExitStack() as stack:
            wires = {
                WIRE: stack.enter_context(tap(self._lab["router"], (), self._cluster.node.name)),
                LOCAL: stack.enter_context(tap(self._cluster.node, (), "local")),
                **{
                    name: stack.enter_context(
                        tap(self._cluster.node, inside(self.pods[name]), "eth0")
                    )
                    for name in sorted({each.at for each in attacks if each.shows == CONTAINER})
                },
            }
            orders = [
                attack.order(f"{NEEDLE}{number}", {}) for number, attack in enumerate(attacks)
            ]
            enter = [*inside(self.pods[source]), *restricted(capabilities)]
            command = [*enter, *PYTHON, "-", "fire", json.dumps(orders)]
            answers = json.loads(self._cluster.node.run(command, stdin=ATTACKER).stdout)
        return answers, wires

    def fired_at_newt(self, source: str, orders: Sequence[Mapping[str, Any]]) -> Wire:
        """What newt's pod sees of what the pod `source` sends it."""
        node = self._cluster.node
        with tap(node, inside(self.pods[NEWT]), "eth0") as wire:
            command = [*inside(self.pods[source]), *PYTHON, "-", "fire", json.dumps(orders)]
            node.run(command, stdin=ATTACKER)
        return wire

    def reached_by_a_new_pod(self, target: str, port: int) -> bool:
        """Whether one of newt's pods that does nothing but connect ever got as far."""
        address = self.pods[target].ipv4
        knocking = _pod("knocking", {INSTANCE_LABEL: INSTANCE})
        arguments = ["knock", str(KNOCK_SECONDS), f"{address}:{port}"]
        (container,) = knocking["spec"]["containers"]
        container |= {"image": KNOCKER, "args": arguments}
        del container["command"]
        mark = self._cluster.log(target).mark()
        self._apply(knocking)
        self._cluster.wait("pod/knocking", "condition=Ready", NAMESPACE)
        time.sleep(KNOCK_SECONDS + 1)
        said = self._kubectl("logs", f"--namespace={NAMESPACE}", "knocking")
        assert "tried" in said, f"it did not even try: {said}"
        self._kubectl("delete", "pod", "knocking", f"--namespace={NAMESPACE}")
        return bool(self._cluster.log(target).arrivals(mark))

    def _apply(self, *objects: Mapping[str, Any]) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self._cluster.apply(json.dumps(items))

    def _kubectl(self, *words: str) -> str:
        return self._cluster.kubectl(*words)


def running_pods(cluster: Cluster) -> dict[str, Pod]:
    """By name; those of a Deployment by its name. One that is just going is not among them."""
    running = ("--all-namespaces", "--field-selector=status.phase=Running", "--output=json")
    listed = json.loads(cluster.kubectl("get", "pods", *running))
    spaces = cluster.node.run(
        [
            *("sh", "-c"),
            "for each in /run/netns/cni-*; do "
            "echo $each $(nsenter --net=$each ip -o addr show dev eth0 scope global "
            "| awk '{ print $4 }'); done",
        ]
    ).stdout
    by_address = {
        address.split("/")[0]: line.split()[0]
        for line in spaces.splitlines()
        for address in line.split()[1:]
    }
    pods = {}
    for item in listed["items"]:
        ips = [each["ip"] for each in item["status"]["podIPs"]]
        ipv4, ipv6 = next(a for a in ips if "." in a), next(a for a in ips if ":" in a)
        name = item["metadata"]["name"]
        owned = item["metadata"].get("ownerReferences")
        name = name.rsplit("-", 2)[0] if owned else name
        if ipv4 in by_address:
            metadata = item["metadata"]
            labels = tuple(sorted(metadata.get("labels", {}).items()))
            peer = Peer(namespace=metadata["namespace"], labels=labels)
            pods[name] = Pod(ipv4, ipv6, by_address[ipv4], peer)
    return pods


def attacks(place: Place) -> tuple[Attack, ...]:
    """Everything that is not listed, as newt's pod would dial it."""
    pods = place.pods
    api, postgres = place.service("default", "kubernetes"), place.service("databases", DATABASE)
    grafana = place.service("monitoring", GRAFANA)
    return (
        # other namespaces
        _tcp("a pod of another namespace", pods[GRAFANA].ipv4, 3000, GRAFANA),
        _tcp("another pod of another namespace", pods[DATABASE].ipv4, 5432, DATABASE),
        _tcp("a Service of another namespace", grafana, 3000, GRAFANA, pods[GRAFANA].ipv4),
        _tcp("another Service", postgres, 5432, DATABASE, pods[DATABASE].ipv4),
        _tcp("another port of a listed pod", pods[GITEA].ipv4, 22, GITEA),
        _tcp("the metrics of the cluster's DNS", pods[DNS].ipv4, 9153, DNS),
        _udp("a pod over UDP", pods[GRAFANA].ipv4, 3000, GRAFANA),
        _tcp("a pod over IPv6", pods[GRAFANA].ipv6, 3000, GRAFANA),
        _ping("a ping to a pod", pods[GRAFANA].ipv4, GRAFANA),
        _ping("a ping to a listed pod", pods[GITEA].ipv4, GITEA),
        # newt's own namespace
        _tcp("a pod of newt's own namespace", pods[OWN].ipv4, 8080, OWN),
        _udp("a pod of newt's own namespace over UDP", pods[OWN].ipv4, 8080, OWN),
        # the node
        _tcp("the Kubernetes API by its Service", api, 443, LOCAL, NODE, API_PORT),
        _tcp("the Kubernetes API at the node", NODE, API_PORT, LOCAL),
        _tcp("the node's kubelet", NODE, KUBELET_PORT, LOCAL),
        _tcp("the node's ssh", NODE, 22, LOCAL),
        _tcp("another listener on the node", NODE, PROXY_PORT, LOCAL),
        _tcp("a node port", NODE, NODE_PORT, GRAFANA, pods[GRAFANA].ipv4, 3000),
        _udp("the node over UDP", NODE, 5001, LOCAL),
        _ping("a ping to the node", NODE, LOCAL),
        _tcp("the node over IPv6", NODE_V6, API_PORT, LOCAL),
        _udp("the node over UDP and IPv6", NODE_V6, 5001, LOCAL),
        # the LAN and beyond
        _tcp("a LAN service", POSTGRES, 5432),
        _udp("a LAN service over UDP", POSTGRES, 5432),
        _tcp("a LAN service over IPv6", POSTGRES_V6, 5432),
        _tcp("another port of a listed address", PRINTER, 22),
        _tcp("the router's web page", ROUTER, 80),
        _tcp("the metadata address", METADATA, 80),
        _tcp("an outsider", OUTSIDER, 443),
        _udp("an outsider over UDP", OUTSIDER, 443),
        _tcp("another port of Pangolin", PANGOLIN, 80),
        _ping("a ping to the LAN", POSTGRES),
        _ping("a ping to an outsider, with something in it", OUTSIDER),
        # resolvers
        _udp("an outsider's resolver", OUTSIDER, DNS_PORT),
        _tcp("an outsider's resolver over TCP", OUTSIDER, DNS_PORT),
        _udp("the LAN's resolver", RESOLVER, DNS_PORT),
        _tcp("a public resolver over TLS", FOREIGN_RESOLVER, DOT_PORT),
        _tcp("a public resolver over HTTPS", FOREIGN_RESOLVER, 443),
        # made by hand
        _raw("a GRE packet from newt's pod", OUTSIDER, 0, str(GRE), pods[NEWT].ipv4),
        _raw("an SCTP packet from newt's pod", OUTSIDER, 0, str(SCTP), pods[NEWT].ipv4),
        _raw("an ESP packet from newt's pod", OUTSIDER, 0, str(ESP), pods[NEWT].ipv4),
        _raw("a packet in a packet from newt's pod", OUTSIDER, 0, str(IPIP), pods[NEWT].ipv4),
        _raw("a TCP packet out of nowhere", POSTGRES, 5432, "tcp-ack", pods[NEWT].ipv4),
        _raw("an answer to nobody", OUTSIDER, 443, "tcp-syn-ack", pods[NEWT].ipv4),
        _raw("an echo that nobody asked for", OUTSIDER, 0, "echo-reply", pods[NEWT].ipv4),
        _raw(
            "a foreign source to the LAN, from newt's pod",
            POSTGRES,
            5432,
            "udp",
            pods[GRAFANA].ipv4,
        ),
        _raw("a LAN source to the LAN, from newt's pod", POSTGRES, 5432, "udp", "10.0.1.77"),
    )


def _tcp(
    name: str, address: str, port: int, at: str = "", becomes: str = "", becomes_port: int = 0
) -> Attack:
    """`becomes` is the address that a Service turns into, where it is one."""
    arrives = f"{_host(becomes or address)}:{becomes_port or port}"
    return Attack(name, "tcp", address, port, *_evidence(at), {"arrives": arrives})


def _udp(name: str, address: str, port: int, at: str = "") -> Attack:
    return Attack(name, "udp", address, port, *_evidence(at))


def _ping(name: str, address: str, at: str = "") -> Attack:
    return Attack(name, "ping", address, 0, *_evidence(at))


def _raw(name: str, address: str, port: int, payload: str, source: str) -> Attack:
    return Attack(name, "raw", address, port, "", WIRE, {"source": source, "payload": payload})


def _evidence(at: str) -> tuple[str, str]:
    if at in ("", LOCAL):
        return "", at or WIRE
    return at, CONTAINER


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def besiege(place: Place) -> Iterator[Finding]:
    """Attacks without a policy, then with it: from newt's pod, with and without NET_RAW, after its
    label was taken away, and from a pod that never had one."""
    every = attacks(place)
    free = [each for each in every if each.name not in DROPPED_ANYWAY]
    yield from _fired(place, free, FREE.name, AS_DEPLOYED, NEWT, NET_RAW)
    yield from _led_in(place, FREE.name)
    yield from _first_instruction(place, FREE.name)
    place.cage()
    yield from _fired(place, every, CAGED, AS_DEPLOYED, NEWT, NET_RAW)
    yield from _fired(place, every, CAGED, WITHOUT_CAPABILITY, NEWT, NO_CAPABILITIES)
    yield from _fired(place, every, CAGED, "from a pod without labels", STRAY, NET_RAW)
    yield from _led_in(place, CAGED)
    yield from _first_instruction(place, CAGED)
    with place.unlabelled():
        yield from _fired(place, every, CAGED, "newt's label is taken away", NEWT, NET_RAW)


def _fired(
    place: Place,
    every: Sequence[Attack],
    arrangement: str,
    circumstance: str,
    source: str,
    capabilities: str,
) -> Iterator[Finding]:
    answers, wires = place.fire(every, source, capabilities)
    for number, attack in enumerate(every):
        wire = wires[attack.at if attack.shows == CONTAINER else attack.shows]
        arrives = attack.details.get("arrives")
        if attack.shows == LOCAL:  # where others knock, too
            pod = place.pods[source]
            arrives = f"{pod.ipv6 if ':' in attack.address else pod.ipv4} > {arrives}"
        arrived = f"{NEEDLE}{number}" in wire.seen or arrives in wire.ports
        refused = REFUSED in answers[attack.name]
        yield Finding(arrangement, circumstance, attack.name, arrived, refused=refused)


def _led_in(place: Place, arrangement: str) -> Iterator[Finding]:
    newt = place.pods[NEWT].ipv4
    ways = {"another pod of newt's namespace": STRAY, "a pod of another namespace": GRAFANA}
    for name, source in ways.items():
        order = {"name": "in", "kind": "udp", "address": newt, "port": 7777, "token": f"{NEEDLE}1"}
        knock = {**order, "name": "knock", "kind": "tcp", "port": 7778}
        seen = place.fired_at_newt(source, [order, knock])
        arrived = f"{NEEDLE}1" in seen.seen or f"{newt}:7778" in seen.ports
        yield Finding(arrangement, "towards newt", f"{name}, to newt", arrived)


def _first_instruction(place: Place, arrangement: str) -> Iterator[Finding]:
    arrived = place.reached_by_a_new_pod(GRAFANA, 3000)
    yield Finding(arrangement, "a pod starts", "a pod, from its first instruction", arrived)


def inside(pod: Pod) -> list[str]:
    """The command that enters a pod's network namespace on the node."""
    return ["nsenter", f"--net={pod.namespace}", "--"]


def _pod(name: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    container = {"name": name, "image": IMAGE, "command": ["sleep", "infinity"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": dict(labels or {})},
        "spec": {
            "containers": [container],
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
        },
    }


def network_policy(
    name: str, spec: Mapping[str, Any], namespace: str = NAMESPACE
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _node_port() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "node-port", "namespace": "monitoring"},
        "spec": {
            "type": "NodePort",
            "selector": {"app.kubernetes.io/name": GRAFANA},
            "ports": [{"port": 3000, "targetPort": 3000, "nodePort": NODE_PORT}],
        },
    }
