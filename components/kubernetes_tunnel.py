"""The ``kubernetes`` platform as a whole: policies, then the proof, and only then newt."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from components import cluster_results
from components.chart_values import INSTANCE, POD_LABELS, Gate
from components.cluster_look import look, rendered
from components.egress_policy import DENY, POLICY, EgressPolicy, EgressPolicyArgs
from components.newt_release import NewtRelease, NewtReleaseArgs
from components.policy_pack_facts import policy_pack_facts
from components.policy_proof import PolicyProof, PolicyProofArgs
from components.shell_commands import folded
from newt_tunnel.egress import network_policy, reach
from newt_tunnel.egress.cluster_proof import Contact
from newt_tunnel.egress.model import PANGOLIN_RULE, Protocol
from newt_tunnel.egress.network_policy import DIGEST_ANNOTATION
from newt_tunnel.egress.rules import Policy
from newt_tunnel.settings.secrets import Secrets
from newt_tunnel.settings.servers import NODES_KEY
from newt_tunnel.settings.stack import KubernetesSettings, Proof


class KubernetesTunnel(pulumi.ComponentResource):
    """newt in a cluster, confined. Its outputs are the stack's (docs/configuration.md)."""

    reach: list[dict[str, str]]
    host: str
    firewall: dict[str, str]
    proof: pulumi.Output[list[dict[str, str]]]
    verify: list[str]

    def __init__(
        self,
        name: str,
        settings: KubernetesSettings,
        secrets: Secrets,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("newt-tunnel:kubernetes:KubernetesTunnel", name, None, opts)
        owner = f"{pulumi.get_project()}/{pulumi.get_stack()}"
        namespace = settings.kubernetes.namespace
        found = look(name, settings, owner, self)
        lookup, repair = found.lookup, found.repair
        policy = lookup.policy
        provider = kubernetes.Provider(
            f"{name}-cluster",
            kubeconfig=secrets.kubeconfig,
            context=settings.kubernetes.context,
            opts=pulumi.ResourceOptions(parent=self),
        )
        confinement = EgressPolicy(
            f"{name}-egress",
            EgressPolicyArgs(
                provider=provider,
                namespace=namespace,
                owner=owner,
                # Without a look nothing is guessed: nothing may be reached, and the resource stays
                # as in the state.
                spec=rendered(policy),
                annotations=network_policy.annotations_of(policy, INSTANCE) if policy else {},
                denied=found.denied,
                repair=repair,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        before_newt: list[pulumi.Resource] = [confinement]
        digest = network_policy.digest(policy) if policy else ""
        measured = None
        if settings.proof is not Proof.OFF:
            measured = PolicyProof(
                f"{name}-proof",
                PolicyProofArgs(
                    provider=provider,
                    namespace=namespace,
                    control_namespace=settings.kubernetes.control_namespace,
                    owner=owner,
                    image=settings.image,
                    labels=POD_LABELS,
                    digest=digest,
                    plan=lookup.probes,
                    canary=_dialled(lookup.gate_canary),
                    mode=settings.proof.value,
                    node_access_accepted=settings.kubernetes.accept_node_access,
                    after=[confinement],
                    repair=repair,
                ),
                opts=pulumi.ResourceOptions(parent=self),
            )
            before_newt.append(measured)
        release = NewtRelease(
            f"{name}-newt",
            NewtReleaseArgs(
                provider=provider,
                namespace=namespace,
                endpoint=str(settings.pangolin.endpoint),
                newt_id=settings.newt_id,
                newt_secret=secrets.newt_secret or "",
                digest=digest,
                gate=Gate(pangolin=_servers(policy, settings), canary=_dialled(lookup.gate_canary)),
                after=before_newt,
                repair=repair,
                chart=settings.kubernetes.chart,
                image=settings.image,
                newt=settings.newt,
                storage=settings.kubernetes.storage,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.reach = [row.as_dict() for row in reach.report(policy)] if policy else []
        self.host = settings.kubernetes.context or "kubeconfig"
        self.firewall = {"policy": POLICY, "deny": DENY, "namespace": namespace, "digest": digest}
        marks = {DIGEST_ANNOTATION: digest, **repair.annotations}
        cluster_results.confirm(settings, release.status, marks, self)
        self.proof = (
            pulumi.Output.from_input([])
            if measured is None
            else cluster_results.results(
                settings, pulumi.Output.all(measured.newt_job, measured.control_job), self
            )
        )
        self.verify = _verify(settings, namespace, lookup.gate_canary)
        self.register_outputs(
            {
                "reach": self.reach,
                "host": self.host,
                "firewall": self.firewall,
                "verify": self.verify,
                # For the policy pack: outputs make no resource run again.
                **policy_pack_facts(settings),
            }
        )


def _dialled(contact: Contact | None) -> str:
    return "" if contact is None else f"{contact.host},{contact.port}"


def _servers(policy: Policy | None, settings: KubernetesSettings) -> list[str]:
    """Pangolin's addresses as the gate dials them."""
    if policy is None:
        return []
    port = settings.pangolin.endpoint.port
    addresses = {
        str(getattr(rule.destination, "network_address", rule.destination))
        for rule in policy.allowed
        if rule.name == PANGOLIN_RULE
        and rule.origin != NODES_KEY  # where nothing may listen on that port
        and rule.protocol is not Protocol.UDP
    }
    return [f"{address},{port}" for address in sorted(addresses)]


def _verify(settings: KubernetesSettings, namespace: str, canary: Contact | None) -> list[str]:
    """Commands that show by hand what the proof measured."""
    context = settings.kubernetes.context
    kubectl = f"kubectl{f' --context {context}' if context else ''} --namespace {namespace}"
    commands = [
        f"{kubectl} describe networkpolicy {POLICY}",
        f"{kubectl} logs --selector batch.kubernetes.io/job-name --tail -1",
    ]
    if canary is not None:
        newt = f"{kubectl} exec deploy/newt-newt-{INSTANCE} --container newt --"
        knock = f"nc -w 3 {canary.host} {canary.port} </dev/null"
        commands.append(f"{newt} {knock}")
        commands.append("# the last one must fail: it always listens, and is never allowed")
    return [folded(command) for command in commands]
