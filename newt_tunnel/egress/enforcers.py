"""How enforcers of NetworkPolicies differ from the API's promises, and which holes they leave.

Every sentence was measured (docs/threat-model.md) or, where it says so, is the enforcer's own
documentation. The docs print the list; a proof that meets the exemption names it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from newt_tunnel.egress import decide_connection
from newt_tunnel.egress.decide_connection import Answer, Connection, ConnectionVerdict, Peer
from newt_tunnel.egress.model import CLUSTER_CANARIES, Pods, PortRange
from newt_tunnel.egress.rules import Policy, Rule

KUBE_ROUTER = "kube-router (k3s)"
CILIUM = "Cilium"
KUBE_NETWORK_POLICIES = "kube-network-policies (kind)"
ANY_ENFORCER = "every enforcer"
NO_ENFORCER = "no enforcer"


@dataclass(frozen=True)
class EnforcerLimit:
    """Something that an enforcer does not stop, as one sentence."""

    enforcer: str
    text: str

    def __str__(self) -> str:
        return f"{self.enforcer}: {self.text}"


#: Labels that every pod of a Deployment, DaemonSet or StatefulSet has.
_NOT_OF_IDENTITY = frozenset(
    {"pod-template-hash", "pod-template-generation", "controller-revision-hash"}
)

TAKEN_OFF = EnforcerLimit(
    CILIUM,
    "When its program is taken off a pod's interface (`tc filter delete`), the pod is open until "
    "its agent is started again; connections to its node that it tried meanwhile stay open until "
    "the pod is replaced.",
)

LIMITS: tuple[EnforcerLimit, ...] = (
    EnforcerLimit(
        NO_ENFORCER,
        "Policies are accepted and do nothing (flannel alone, k3s with "
        "--disable-network-policy); only a probe shows it.",
    ),
    EnforcerLimit(
        KUBE_ROUTER,
        "A new pod is open for up to a second before its rules are in place; newt's gate waits "
        "until they are.",
    ),
    EnforcerLimit(KUBE_ROUTER, "ICMP echo passes to hosts that are not allowed."),
    EnforcerLimit(
        KUBE_ROUTER, "A listener on newt's own node in the node port range is reachable."
    ),
    EnforcerLimit(
        KUBE_ROUTER,
        "A connection outlives the rule that allowed it; every change of the policy rolls newt.",
    ),
    EnforcerLimit(KUBE_ROUTER, "While the enforcer is down new pods are open."),
    EnforcerLimit(
        CILIUM,
        "A block matches neither pods nor nodes (documented), so none can be allowed by address.",
    ),
    EnforcerLimit(
        CILIUM,
        "Before version 1.16 only the first port of a range is open (measured with 1.15); list "
        "the ports one by one there.",
    ),
    EnforcerLimit(
        CILIUM,
        "Labels that Cilium keeps out of a pod's identity, like `pod-template-hash`, match no pod.",
    ),
    EnforcerLimit(CILIUM, "While the enforcer is down no pod starts."),
    TAKEN_OFF,
    EnforcerLimit(
        KUBE_NETWORK_POLICIES,
        "A pod's own node is exempt: its ssh, its kubelet, its node ports, and the Kubernetes "
        "API where that runs on it.",
    ),
    EnforcerLimit(
        KUBE_NETWORK_POLICIES,
        "A new pod is open for up to 1.4 seconds before its rules are in place; newt's gate waits "
        "until they are.",
    ),
    EnforcerLimit(
        KUBE_NETWORK_POLICIES,
        "A connection outlives the rule that allowed it; every change of the policy rolls newt.",
    ),
    EnforcerLimit(KUBE_NETWORK_POLICIES, "While the enforcer is down everything is open."),
    EnforcerLimit(
        ANY_ENFORCER,
        "A pod reaches itself, and the API allows an enforcer to exempt the pod's own node.",
    ),
    EnforcerLimit(
        ANY_ENFORCER,
        "A ClusterIP in a block matches nothing: the address has been replaced by a pod's before "
        "the policy is looked at.",
    ),
    EnforcerLimit(
        ANY_ENFORCER,
        "Host names are addresses in a policy; they are looked up at `pulumi up` and not again.",
    ),
)

#: Probes of targets that an enforcer may allow: a pod's own node, and the API server on it.
EXEMPTIBLE = CLUSTER_CANARIES[:3]
#: The proof's message when nothing else is open.
EXEMPTION = (
    "newt's own node is open: this cluster's enforcer exempts it, as the Kubernetes API allows it "
    "to; use one that does not (Cilium, kube-router), or accept it by "
    "kubernetes.acceptNodeAccess: true"
)


def with_cilium(policy: Policy, connection: Connection) -> ConnectionVerdict:
    """The verdict where Cilium before 1.16 enforces the policy: it drops what the API leaves to the
    enforcer, matches no node with a block, opens only the first port of a range, and matches no pod
    with a label that is not part of a pod's identity. The lab compares Cilium itself with this.
    """
    known = (rule for rule in policy.allowed if _selects_pods(rule))
    as_read = replace(policy, allowed=tuple(map(_without_ranges, known)))
    verdict = decide_connection.decide(as_read, connection)
    if connection.peer is Peer.OWN_NODE:
        return ConnectionVerdict(Answer.DENIED, "for Cilium a node is in no block")
    if verdict.answer is Answer.UP_TO_ENFORCER:
        return ConnectionVerdict(Answer.DENIED, "the API leaves it to Cilium, which drops it")
    return verdict


def _without_ranges(rule: Rule) -> Rule:
    return replace(rule, ports=tuple(PortRange.single(ports.first) for ports in rule.ports))


def _selects_pods(rule: Rule) -> bool:
    labels = rule.destination.labels if isinstance(rule.destination, Pods) else ()
    return not _NOT_OF_IDENTITY & dict(labels).keys()
