"""newt itself on a cluster: credentials, storage, and the official chart as a Helm release.

Leaves the chart's values to ``chart_values``. The policy that confines newt must be in force before
any of this exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.chart_values import RELEASE, Gate, chart_values
from components.repair import Repair, generation_of
from newt_tunnel.cluster import GENERATION_ANNOTATION
from newt_tunnel.egress.network_policy import DIGEST_ANNOTATION
from newt_tunnel.settings.kubernetes import Chart, Storage
from newt_tunnel.settings.newt import ClusterNewt

CLAIM = "newt-config"
#: Gate (60 tries of at most 8 s), image pull, and newt's own readiness.
READY_SECONDS = 600
_GENERATION_PATH = f'metadata.annotations["{GENERATION_ANNOTATION}"]'


@dataclass(frozen=True, kw_only=True)
class NewtReleaseArgs:
    # required
    provider: kubernetes.Provider
    namespace: str
    endpoint: str
    newt_id: str
    newt_secret: pulumi.Input[str]
    #: Hash of the policy: a changed policy rolls newt, so that no revoked connection lives on.
    digest: str
    gate: Gate
    after: Sequence[pulumi.Resource]
    #: newt is started anew after what had to be put back, and Helm makes again what is missing of
    #: its own.
    repair: Repair

    # sections of the stack file
    chart: Chart
    image: str
    newt: ClusterNewt
    storage: Storage


class NewtRelease(pulumi.ComponentResource):
    """Release ``newt`` of the official chart, with everything it may not need turned off."""

    status: pulumi.Output[Any]

    def __init__(
        self, name: str, args: NewtReleaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("newt-tunnel:kubernetes:NewtRelease", name, None, opts)
        secret = kubernetes.core.v1.Secret(
            # Auto-named: a changed credential is another Secret, and rolls newt.
            f"{name}-credentials",
            metadata={"namespace": args.namespace, **_annotated(args.repair)},
            string_data={
                "PANGOLIN_ENDPOINT": args.endpoint,
                "NEWT_ID": args.newt_id,
                "NEWT_SECRET": pulumi.Output.secret(args.newt_secret),
            },
            opts=self._confined(args, f"{name}-credentials"),
        )
        claim = self._claim(name, args) if args.storage.enabled else None
        release = kubernetes.helm.v3.Release(
            f"{name}-release",
            name=RELEASE,
            namespace=args.namespace,
            chart=_chart_reference(args.chart),
            version=args.chart.version,
            repository_opts=None
            if args.chart.is_local or args.chart.is_oci
            else {"repo": args.chart.repository},
            values=chart_values(
                args.newt,
                args.image,
                args.gate,
                pod_annotations={DIGEST_ANNOTATION: args.digest, **args.repair.annotations},
                secret=secret.metadata["name"],
                claim=None if claim is None else claim.metadata["name"],
            ),
            timeout=READY_SECONDS,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=args.provider,
                # An import has no parent; the alias lets a plain newt's release become ours.
                aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)],
                depends_on=[*args.after],
                ignore_changes=args.repair.ignored("values"),
            ),
        )
        self.status = release.status
        self.register_outputs({"status": self.status})

    def _confined(self, args: NewtReleaseArgs, name: str) -> pulumi.ResourceOptions:
        opts = pulumi.ResourceOptions(
            parent=self,
            provider=args.provider,
            depends_on=[*args.after],
            # Of the Secret's annotations one is the plugin's own.
            ignore_changes=args.repair.ignored(_GENERATION_PATH),
        )
        return args.repair.options(opts, name)

    def _claim(self, name: str, args: NewtReleaseArgs) -> kubernetes.core.v1.PersistentVolumeClaim:
        metadata: Any = {
            "name": CLAIM,
            "namespace": args.namespace,
            # The release waits for newt, and newt for its volume; one wait is enough.
            "annotations": {
                "pulumi.com/skipAwait": "true",
                **generation_of(args.repair.claim_generation),
            },
        }
        spec: Any = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": args.storage.storage_class,
            "resources": {"requests": {"storage": args.storage.size}},
        }
        return kubernetes.core.v1.PersistentVolumeClaim(
            f"{name}-config",
            metadata=metadata,
            spec=spec,
            opts=self._confined(args, CLAIM),
        )


def _annotated(repair: Repair) -> dict[str, Any]:
    annotations = generation_of(repair.secret_generation)
    return {"annotations": annotations} if annotations else {}


def _chart_reference(chart: Chart) -> str:
    if chart.is_local:
        return chart.repository
    return f"{chart.repository}/{chart.name}" if chart.is_oci else chart.name
