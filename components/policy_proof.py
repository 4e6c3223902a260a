"""The proof on a cluster: a Job under newt's own label and policy, before newt, and its control.

Enforcement cannot be read from the API, only tried. ``egress`` makes the plan, and ``newt-probe``
runs it. The control runs in a namespace of its own, where no policy of ours is in force: it
distinguishes a blocked target from one that does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.egress_policy import RESTRICTED
from components.pod_defaults import POD_SECURITY, TMP_VOLUME, shell_container
from components.repair import Repair
from newt_tunnel.cluster import OWNER
from newt_tunnel.cluster.pod import PROBE
from newt_tunnel.egress import cluster_proof
from newt_tunnel.egress.enforcers import EXEMPTIBLE, EXEMPTION
from newt_tunnel.egress.network_policy import DIGEST_ANNOTATION
from newt_tunnel.egress.proof_plan import Probe

SECONDS = 180
#: The table's generation in a stack that was never repaired.
FIRST = "first"
#: MiB: twice the memory of the probes that newt-probe runs at once (AT_ONCE).
MEMORY = 96


@dataclass(frozen=True, kw_only=True)
class PolicyProofArgs:
    # required
    provider: kubernetes.Provider
    namespace: str
    control_namespace: str
    #: ``project/stack``.
    owner: str
    image: str
    labels: Mapping[str, str]
    #: Hash of the policy: every change of it is proved anew.
    digest: str
    plan: Sequence[Probe]
    #: ``ADDRESS,PORT`` of what newt's gate waits to find shut: the control must reach it.
    canary: str = ""
    #: ``enforce`` fails the update when the cage is open, ``warn`` says so.
    mode: str
    #: Whether an enforcer may exempt newt's own node and the API server.
    node_access_accepted: bool = False
    after: Sequence[pulumi.Resource]
    #: What had to be put back is proved anew.
    repair: Repair


class PolicyProof(pulumi.ComponentResource):
    """Two Jobs. ``newt_job`` and ``control_job`` are their names; their logs hold the tables."""

    newt_job: pulumi.Output[str]
    control_job: pulumi.Output[str]

    def __init__(
        self, name: str, args: PolicyProofArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("newt-tunnel:kubernetes:PolicyProof", name, None, opts)
        control_namespace = kubernetes.core.v1.Namespace(
            f"{name}-control",
            metadata={
                "name": args.control_namespace,
                "labels": RESTRICTED,
                "annotations": {
                    OWNER: args.owner,
                    **args.repair.forced_annotations,
                },
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=args.provider,
                ignore_changes=args.repair.ignored("metadata.annotations"),
            ),
        )
        control = self._job(f"{name}-controlling", args, "control", [control_namespace])
        proof = self._job(f"{name}-proving", args, "newt", args.after)
        self.newt_job = proof.metadata["name"]
        self.control_job = control.metadata["name"]
        self.register_outputs({"newt_job": self.newt_job, "control_job": self.control_job})

    def _job(
        self,
        name: str,
        args: PolicyProofArgs,
        role: str,
        after: Sequence[pulumi.Resource],
    ) -> kubernetes.batch.v1.Job:
        is_newt = role == "newt"
        metadata: Any = {
            "namespace": args.namespace if is_newt else args.control_namespace,
            # A failed Job with the same inputs would not be run again.
            "annotations": {"pulumi.com/replaceUnready": "true"},
        }
        template: Any = {
            "metadata": {
                "labels": {**args.labels} if is_newt else {},
                "annotations": {
                    DIGEST_ANNOTATION: args.digest,
                    **args.repair.annotations,
                },
            },
            "spec": self._pod(args, role),
        }
        spec: Any = {"backoffLimit": 0, "activeDeadlineSeconds": SECONDS, "template": template}
        return kubernetes.batch.v1.Job(
            name,
            metadata=metadata,
            spec=spec,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=args.provider,
                depends_on=[*after],
                ignore_changes=args.repair.ignored("spec"),
                custom_timeouts=pulumi.CustomTimeouts(create=f"{SECONDS + 30}s"),
            ),
        )

    def _pod(self, args: PolicyProofArgs, role: str) -> dict[str, Any]:
        container = shell_container(
            "newt-probe",
            args.image,
            PROBE,
            {
                "ACCEPT": " ".join(EXEMPTIBLE) if args.node_access_accepted else "",
                "CANARY": "" if role == "newt" else args.canary,
                "EXEMPTIBLE": " ".join(EXEMPTIBLE),
                "EXEMPTION": EXEMPTION,
                "GENERATION": args.repair.generation or FIRST,
                "MODE": args.mode,
                "PLAN": cluster_proof.render(args.plan),
                "ROLE": role,
                "RULES": args.digest,
            },
            memory=MEMORY,
        )
        node = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
        container["env"].append(node)
        return {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": POD_SECURITY,
            "containers": [container],
            "volumes": [TMP_VOLUME],
        }
