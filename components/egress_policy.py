"""newt's namespace and the NetworkPolicies in it: what newt may reach, and nothing for anybody
else.

Leaves the content of the policy to ``egress.network_policy``. Whether a cluster enforces it is
found by ``policy_proof``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from cluster.ours import OWNER
from egress.network_policy import deny_all, rendered

POLICY = "newt-tunnel-netpol"
DENY = "newt-tunnel-deny"
DENIED: Any = deny_all()
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
#: Ours by its owner's mark: what somebody else wrote into a policy gives way, and is no conflict.
FORCED = {"pulumi.com/patchForce": "true"}


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
    #: False when the cluster could not be read: then nothing is known of the look-ups, and what
    #: the state holds stands.
    known: bool


class EgressPolicy(pulumi.ComponentResource):
    """Namespace, newt's policy, and the namespace-wide deny for hook pods and mislabelled ones."""

    def __init__(
        self, name: str, args: EgressPolicyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("newt-tunnel:kubernetes:EgressPolicy", name, None, opts)
        # An import has no parent; the alias lets it become ours.
        adoptable = [pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]
        owner = {OWNER: args.owner}
        namespace = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata={"name": args.namespace, "labels": RESTRICTED, "annotations": owner},
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, aliases=adoptable),
        )
        deny = kubernetes.networking.v1.NetworkPolicy(
            f"{name}-deny",
            metadata={
                "name": DENY,
                "namespace": args.namespace,
                "annotations": {**owner, **FORCED, **rendered(DENIED)},
            },
            spec=DENIED,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=args.provider,
                aliases=adoptable,
                depends_on=[namespace],
                # It can only narrow, and goes with the namespace, after the last pod.
                retain_on_delete=True,
            ),
        )
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-policy",
            metadata={
                "name": POLICY,
                "namespace": args.namespace,
                "annotations": {**owner, **FORCED, **args.annotations},
            },
            spec=args.spec,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=args.provider,
                aliases=adoptable,
                # Never the first policy in the namespace: a moment without the deny is one too
                # many.
                depends_on=[deny],
                ignore_changes=[] if args.known else ["spec", "metadata.annotations"],
            ),
        )
        self.register_outputs({"namespace": args.namespace})
