"""newt's namespace and the NetworkPolicies in it: what newt may reach, and nothing for other pods.

``repair`` decides how missing and changed objects are restored. Leaves the content of the policy to
``egress.network_policy``. ``policy_proof`` finds whether a cluster enforces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.repair import FORCED, Repair
from newt_tunnel.cluster import OWNER
from newt_tunnel.egress.network_policy import deny_all, rendered

POLICY = "newt-tunnel-netpol"
DENY = "newt-tunnel-deny"
DENIED: Any = deny_all()
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True, kw_only=True)
class EgressPolicyArgs:
    # required
    provider: kubernetes.Provider
    namespace: str
    #: ``project/stack``.
    owner: str
    #: newt's policy, and the annotations that name its rules.
    spec: Any
    annotations: Mapping[str, str]
    #: The namespace-wide deny; see ``egress.network_policy.deny_in_words``.
    denied: Any
    repair: Repair


class EgressPolicy(pulumi.ComponentResource):
    """Namespace, newt's policy, and the namespace-wide deny for hook pods and mislabelled ones."""

    def __init__(
        self, name: str, args: EgressPolicyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("newt-tunnel:kubernetes:EgressPolicy", name, None, opts)
        # An import has no parent; the alias lets it become ours.
        adoptable = [pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]
        repair = args.repair
        marks = {OWNER: args.owner, **repair.annotations}
        namespace = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata={
                "name": args.namespace,
                "labels": RESTRICTED,
                "annotations": {OWNER: args.owner, **repair.forced_annotations},
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=args.provider,
                aliases=adoptable,
                ignore_changes=repair.ignored("metadata.annotations"),
            ),
        )
        deny = kubernetes.networking.v1.NetworkPolicy(
            f"{name}-deny",
            metadata={
                "name": DENY,
                "namespace": args.namespace,
                "annotations": {**marks, **FORCED, **rendered(args.denied)},
            },
            spec=args.denied,
            opts=repair.options(
                pulumi.ResourceOptions(
                    parent=self,
                    provider=args.provider,
                    aliases=adoptable,
                    depends_on=[namespace],
                    ignore_changes=repair.ignored("spec", "metadata.annotations"),
                    # It can only narrow, and goes with the namespace, after the last pod.
                    retain_on_delete=True,
                ),
                DENY,
            ),
        )
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-policy",
            metadata={
                "name": POLICY,
                "namespace": args.namespace,
                "annotations": {**marks, **FORCED, **args.annotations},
            },
            spec=args.spec,
            opts=repair.options(
                pulumi.ResourceOptions(
                    parent=self,
                    provider=args.provider,
                    aliases=adoptable,
                    # Never the first policy in the namespace: the deny must exist before it.
                    depends_on=[deny],
                    ignore_changes=repair.ignored("spec", "metadata.annotations"),
                ),
                POLICY,
            ),
        )
        self.register_outputs({"namespace": args.namespace})
