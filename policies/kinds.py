"""The types of resource that the rules look at, and where the pods of each kind are.

A Chart, a ConfigGroup, a ConfigFile or a kustomize Directory is judged by the resources that it
makes, which the engine lists one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from policies.view import Resource

CONTAINER = "docker:index/container:Container"
SERVICE = "docker:index/service:Service"
SERVICE_SPEC = ("taskSpec", "containerSpec")
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"
CLAIMS = (
    "kubernetes:core/v1:PersistentVolumeClaim",
    "kubernetes:core/v1:PersistentVolumeClaimPatch",
)
PERSISTENT_VOLUMES = (
    "kubernetes:core/v1:PersistentVolume",
    "kubernetes:core/v1:PersistentVolumePatch",
)
#: What pulls an image for Docker, each with its name in ``name``.
IMAGES = ("docker:index/remoteImage:RemoteImage",)
#: Components: what they render are resources of their own.
CHARTS = ("kubernetes:helm.sh/v3:Chart", "kubernetes:helm.sh/v4:Chart")
RELEASES = ("kubernetes:helm.sh/v3:Release", *CHARTS)
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
NETWORK_POLICY_PATCH = f"{NETWORK_POLICY}Patch"
COMMAND = "command:remote:Command"
COMMANDS = (COMMAND, "command:local:Command")
#: Configuration, which every reader of the cluster or the swarm sees.
CONFIGS = (
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:core/v1:ConfigMapPatch",
    "docker:index/serviceConfig:ServiceConfig",
)
#: What a cluster or a swarm keeps secrets in.
SECRETS = (
    "kubernetes:core/v1:Secret",
    "kubernetes:core/v1:SecretPatch",
    "docker:index/secret:Secret",
)

_TEMPLATE = ("spec", "template")
#: Where a kind has its pod's metadata and spec.
_PODS: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "Deployment": _TEMPLATE,
    "DaemonSet": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "ReplicationController": _TEMPLATE,
    "Job": _TEMPLATE,
    "CronJob": ("spec", "jobTemplate", *_TEMPLATE),
}
#: Each kind has a second type, which changes an object that another program owns.
_WORKLOAD = re.compile(r"kubernetes:(?:core|apps|batch|extensions)/v\w+:(\w+?)(Patch)?")


def pod_path(resource: Resource) -> tuple[str, ...] | None:
    """Where the metadata and spec of a workload's pods are; None for what is no workload."""
    found = _WORKLOAD.fullmatch(resource.type)
    return _PODS.get(found[1]) if found else None


def is_patch(resource: Resource) -> bool:
    found = _WORKLOAD.fullmatch(resource.type)
    return found is not None and found[2] is not None
