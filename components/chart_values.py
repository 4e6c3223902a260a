"""The values of newt's chart: newt's settings, the gate before it, and everything that newt may not
need turned off. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.pod_defaults import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    TMP_MOUNT,
    TMP_VOLUME,
    shell_container,
)
from newt_tunnel.cluster.pod import GATE
from newt_tunnel.egress.network_policy import INSTANCE_LABEL
from newt_tunnel.settings.newt import ClusterNewt, Resources

RELEASE = "newt"
INSTANCE = "newt"
#: Labels that the chart gives newt's pods; the policy selects by the first.
INSTANCE_LABELS = {INSTANCE_LABEL: INSTANCE}
POD_LABELS = {
    **INSTANCE_LABELS,
    "app.kubernetes.io/instance": RELEASE,
    "app.kubernetes.io/component": "newt",
}
CONFIG_FOLDER = "/var/lib/newt"
DOCKER_HUB = "docker.io"


@dataclass(frozen=True, kw_only=True)
class Gate:
    """``ADDRESS,PORT`` of what must answer before newt starts, and of what must not."""

    pangolin: Sequence[str]
    canary: str


def chart_values(
    newt: ClusterNewt,
    image: str,
    gate: Gate,
    *,
    pod_annotations: Mapping[str, str],
    secret: pulumi.Input[str],
    claim: pulumi.Input[str] | None,
) -> dict[str, Any]:
    """``secret`` and ``claim`` are names; without a claim newt keeps nothing."""
    init = shell_container(
        "newt-gate", image, GATE, {"PANGOLIN": " ".join(gate.pangolin), "CANARY": gate.canary}
    )
    return {
        "global": {
            "image": _image(image),
            "securityContext": CONTAINER_SECURITY,
            "podSecurityContext": POD_SECURITY,
            "podAnnotations": {**pod_annotations},
            "health": {"enabled": newt.health},
            "logLevel": newt.log_level.value,
            "resources": _resources(newt.resources),
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
                "disableClients": not newt.clients,
                "acceptClients": newt.clients,
                "configPersistence": _persistence(claim),
                "extraEnv": {
                    **newt.variables,
                    "DISABLE_SSH": "false" if newt.ssh else "true",
                    # A newt outside a container replaces its own program at the server's word.
                    "NEWT_SYSTEM_SUBSTRATE": "CONTAINER",
                },
                "extraVolumes": [TMP_VOLUME],
                "extraVolumeMounts": [TMP_MOUNT],
                "initContainers": [init],
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


def _resources(limits: Resources) -> dict[str, Any]:
    memory = f"{limits.memory}Mi"
    most = {"memory": memory, "ephemeral-storage": "256Mi"}
    if limits.cpus is not None:
        most["cpu"] = f"{round(limits.cpus * 1000)}m"
    return {
        "requests": {"cpu": "50m", "memory": memory, "ephemeral-storage": "64Mi"},
        "limits": most,
    }
