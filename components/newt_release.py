"""newt itself on a cluster: credentials, storage, and the official chart as a Helm release.

Owns the chart's values. The gate in front of newt is ``newt-gate``; the policy that confines it
must stand before any of this exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.egress_policy import generation_of, put_back
from components.pods import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    TMP_MOUNT,
    TMP_VOLUME,
    shell_container,
)
from newt_tunnel.cluster import GENERATION_ANNOTATION
from newt_tunnel.cluster.pod import GATE
from newt_tunnel.egress.network_policy import DIGEST_ANNOTATION
from newt_tunnel.settings.kubernetes import Chart

RELEASE = "newt"
INSTANCE = "newt"
#: Labels that the chart gives newt's pods; the policy selects by the first.
INSTANCE_LABEL = {"newt.instance": INSTANCE}
POD_LABELS = {
    **INSTANCE_LABEL,
    "app.kubernetes.io/instance": RELEASE,
    "app.kubernetes.io/component": "newt",
}
CLAIM = "newt-config"
CONFIG_FOLDER = "/var/lib/newt"
#: Gate (60 tries of at most 8 s), image pull, and newt's own readiness.
READY_SECONDS = 600
DOCKER_HUB = "docker.io"
_GENERATION_PATH = f'metadata.annotations["{GENERATION_ANNOTATION}"]'


@dataclass(frozen=True, kw_only=True)
class NewtReleaseArgs:
    # required
    provider: kubernetes.Provider
    namespace: str
    chart: Chart
    image: str
    endpoint: str
    newt_id: str
    newt_secret: pulumi.Input[str]
    #: Hash of the policy: a changed policy rolls newt, so that no revoked connection lives on.
    digest: str
    after: Sequence[pulumi.Resource]
    #: False when the cluster could not be read: then what the state holds stands.
    known: bool = True
    #: See ``cluster.state.generation``: newt is started anew after what had to be put back, and
    #: Helm makes again what is missing of its own. Secret and volume change only when they are
    #: lost: an update of a volume in use is one more thing that can fail.
    generation: str | None = None
    secret_generation: str | None = None
    claim_generation: str | None = None
    lost_secret: bool = False
    lost_claim: bool = False

    # gate: ``ADDRESS,PORT`` of Pangolin, and of what must never answer
    pangolin: Sequence[str]
    canary: str

    # storage; None: newt keeps nothing
    storage_size: str | None = None
    storage_class: str | None = None

    # process
    clients: bool = False
    ssh: bool = False
    log_level: str = "INFO"
    health: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: int = 128  # MB
    cpus: float | None = None


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
            metadata={"namespace": args.namespace, **_annotated(args)},
            string_data={
                "PANGOLIN_ENDPOINT": args.endpoint,
                "NEWT_ID": args.newt_id,
                "NEWT_SECRET": pulumi.Output.secret(args.newt_secret),
            },
            opts=self._confined(args, replaced=args.lost_secret),
        )
        claim = None
        if args.storage_size is not None:
            claim = self._claim(name, args, args.storage_size)
        release = kubernetes.helm.v3.Release(
            f"{name}-release",
            name=RELEASE,
            namespace=args.namespace,
            chart=_chart_reference(args.chart),
            version=args.chart.version,
            repository_opts=None
            if args.chart.is_local or args.chart.is_oci
            else {"repo": args.chart.repository},
            values=_values(
                args, secret.metadata["name"], None if claim is None else claim.metadata["name"]
            ),
            timeout=READY_SECONDS,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=args.provider,
                # An import has no parent; the alias lets a plain newt's release become ours.
                aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)],
                depends_on=[*args.after],
                ignore_changes=[] if args.known else ["values"],
            ),
        )
        self.status = release.status
        self.register_outputs({"status": self.status})

    def _confined(self, args: NewtReleaseArgs, *, replaced: bool) -> pulumi.ResourceOptions:
        opts = pulumi.ResourceOptions(
            parent=self,
            provider=args.provider,
            depends_on=[*args.after],
            # Of the Secret's annotations one is the plugin's own.
            ignore_changes=[] if args.known else [_GENERATION_PATH],
        )
        return put_back(opts, replaced=replaced)

    def _claim(
        self, name: str, args: NewtReleaseArgs, size: str
    ) -> kubernetes.core.v1.PersistentVolumeClaim:
        metadata: Any = {
            "name": CLAIM,
            "namespace": args.namespace,
            # The release waits for newt, and newt for its volume; one wait is enough.
            "annotations": {"pulumi.com/skipAwait": "true", **generation_of(args.claim_generation)},
        }
        spec: Any = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": args.storage_class,
            "resources": {"requests": {"storage": size}},
        }
        return kubernetes.core.v1.PersistentVolumeClaim(
            f"{name}-config",
            metadata=metadata,
            spec=spec,
            opts=self._confined(args, replaced=args.lost_claim),
        )


def _annotated(args: NewtReleaseArgs) -> dict[str, Any]:
    annotations = generation_of(args.secret_generation)
    return {"annotations": annotations} if annotations else {}


def _chart_reference(chart: Chart) -> str:
    if chart.is_local:
        return chart.repository
    return f"{chart.repository}/{chart.name}" if chart.is_oci else chart.name


def _values(
    args: NewtReleaseArgs, secret: pulumi.Input[str], claim: pulumi.Input[str] | None
) -> dict[str, Any]:
    gate = shell_container(
        "newt-gate", args.image, GATE, {"PANGOLIN": " ".join(args.pangolin), "CANARY": args.canary}
    )
    return {
        "global": {
            "image": _image(args.image),
            "securityContext": CONTAINER_SECURITY,
            "podSecurityContext": POD_SECURITY,
            "podAnnotations": {DIGEST_ANNOTATION: args.digest, **generation_of(args.generation)},
            "health": {"enabled": args.health},
            "logLevel": args.log_level,
            "resources": _resources(args),
            # Policies only ever add access: ours is the only one.
            "networkPolicy": {"enabled": False},
        },
        "serviceAccount": {"create": True, "automountServiceAccountToken": False},
        "rbac": {"create": False},
        "newtInstances": [
            {
                "name": INSTANCE,
                "enabled": True,
                "replicas": 1,
                "auth": {
                    "existingSecretName": secret,
                    "createSecret": False,
                    "keys": {
                        "endpointKey": "PANGOLIN_ENDPOINT",
                        "idKey": "NEWT_ID",
                        "secretKey": "NEWT_SECRET",
                    },
                },
                "networkPolicy": {"enabled": False},
                "service": {"enabled": False, "enabledWhenAcceptClients": False},
                "disableClients": not args.clients,
                "acceptClients": args.clients,
                "configPersistence": _persistence(claim),
                "extraEnv": {
                    **args.environment,
                    "DISABLE_SSH": "false" if args.ssh else "true",
                    # A newt outside a container replaces its own program at the server's word.
                    "NEWT_SYSTEM_SUBSTRATE": "CONTAINER",
                },
                "extraVolumes": [TMP_VOLUME],
                "extraVolumeMounts": [TMP_MOUNT],
                "initContainers": [gate],
            }
        ],
    }


def _persistence(claim: pulumi.Input[str] | None) -> dict[str, Any]:
    if claim is None:
        return {"enabled": False}
    return {
        "enabled": True,
        "type": "persistentVolumeClaim",
        "existingClaim": claim,
        "mountPath": CONFIG_FOLDER,
    }


def _image(reference: str) -> dict[str, str]:
    """The chart's spelling of ``registry/name:tag@digest``."""
    named, _, digest = reference.partition("@")
    path, _, tag = named.rpartition(":")
    first, slash, rest = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, repository = first, rest
    else:
        registry, repository = DOCKER_HUB, path
    return {"registry": registry, "repository": repository, "tag": tag, "digest": digest}


def _resources(args: NewtReleaseArgs) -> dict[str, Any]:
    memory = f"{args.memory}Mi"
    limits = {"memory": memory, "ephemeral-storage": "256Mi"}
    if args.cpus is not None:
        limits["cpu"] = f"{round(args.cpus * 1000)}m"
    return {
        "requests": {"cpu": "50m", "memory": memory, "ephemeral-storage": "64Mi"},
        "limits": limits,
    }
