"""newt's namespace and the NetworkPolicies in it: what newt may reach, and nothing for anybody
else.

Owns how they are put back when the look at the cluster found them missing or changed: the engine
believes them to be as it left them, and an update of the official plugin starts with reading the
live object, so it fails where there is none (pulumi-kubernetes, provider/pkg/await/await.go,
``Update``). What is missing is replaced: a delete takes "not found" for done (``Deletion``), and a
create posts. Leaves the content of the policy to ``egress.network_policy``. Whether a cluster
enforces it is found by ``policy_proof``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from newt_tunnel.cluster import GENERATION_ANNOTATION, OWNER
from newt_tunnel.egress.network_policy import deny_all, rendered

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
    #: The namespace-wide deny; see ``egress.network_policy.deny_in_words``.
    denied: Any
    #: False when the cluster could not be read: then nothing is known of the look-ups, and what
    #: the state holds stands.
    known: bool
    #: See ``cluster.state.generation``, and the names of the policies that must be made anew.
    generation: str | None = None
    replaced: Collection[str] = ()


def generation_of(generation: str | None) -> dict[str, str]:
    """The annotations of an object that is to be put right, and of all that follows from it."""
    return {} if generation is None else {GENERATION_ANNOTATION: generation}


def put_back(opts: pulumi.ResourceOptions, *, replaced: bool) -> pulumi.ResourceOptions:
    """``opts`` for an object that a new generation replaces, and not just updates."""
    if replaced:
        opts.replace_on_changes = ["metadata.annotations"]
        opts.delete_before_replace = True
    return opts


class EgressPolicy(pulumi.ComponentResource):
    """Namespace, newt's policy, and the namespace-wide deny for hook pods and mislabelled ones."""

    def __init__(
        self, name: str, args: EgressPolicyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("newt-tunnel:kubernetes:EgressPolicy", name, None, opts)
        # An import has no parent; the alias lets it become ours.
        adoptable = [pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]
        marks = {OWNER: args.owner, **generation_of(args.generation)}
        # The namespace of a stack that nothing ever happened to has no such annotation.
        forced = FORCED if args.generation else {}
        unknown = [] if args.known else ["metadata.annotations"]
        namespace = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata={
                "name": args.namespace,
                "labels": RESTRICTED,
                "annotations": {**marks, **forced},
            },
            opts=pulumi.ResourceOptions(
                parent=self, provider=args.provider, aliases=adoptable, ignore_changes=unknown
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
            opts=put_back(
                pulumi.ResourceOptions(
                    parent=self,
                    provider=args.provider,
                    aliases=adoptable,
                    depends_on=[namespace],
                    ignore_changes=[] if args.known else ["spec", *unknown],
                    # It can only narrow, and goes with the namespace, after the last pod.
                    retain_on_delete=True,
                ),
                replaced=DENY in args.replaced,
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
            opts=put_back(
                pulumi.ResourceOptions(
                    parent=self,
                    provider=args.provider,
                    aliases=adoptable,
                    # Never the first policy in the namespace: a moment without the deny is one too
                    # many.
                    depends_on=[deny],
                    ignore_changes=[] if args.known else ["spec", *unknown],
                ),
                replaced=POLICY in args.replaced,
            ),
        )
        self.register_outputs({"namespace": args.namespace})
