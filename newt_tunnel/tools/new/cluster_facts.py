"""What a cluster shows before a newt is deployed there: its enforcer, its Services, a newt.

Lists only. Of Secrets nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newt_tunnel.cluster.reading import objects
from newt_tunnel.cluster.reading.client import Client
from newt_tunnel.cluster.reading.installed import Object
from newt_tunnel.cluster.reading.snapshot import Service
from newt_tunnel.egress.enforcers import CILIUM, KUBE_NETWORK_POLICIES, KUBE_ROUTER
from newt_tunnel.settings.agent_table import AgentName
from newt_tunnel.stackfile.untrusted_text import sanitized

#: What runs in a cluster with an enforcer: a part of an image's name, and the enforcer.
_IMAGES = (
    ("cilium/cilium", CILIUM),  # docs.cilium.io, DaemonSet cilium
    ("calico/node", "Calico"),  # docs.tigera.io, DaemonSet calico-node
    ("kube-router", "kube-router"),  # kube-router.io, DaemonSet kube-router
    ("kube-network-policies", KUBE_NETWORK_POLICIES),  # kind's kindnetd and the project itself
    ("kindest/kindnetd", KUBE_NETWORK_POLICIES),  # kind 0.24 and later
    ("antrea/antrea", "Antrea"),  # antrea.io, DaemonSet antrea-agent
    ("ovn-kubernetes", "OVN-Kubernetes"),  # ovn-kubernetes.io
)
#: k3s contains kube-router, which is no pod; its version says that it is k3s.
_K3S = "+k3s"
_IDENTITY = frozenset({"NEWT_ID", "SITE_ID", "PANGOLIN_ENDPOINT"})
_REPOSITORIES = frozenset(agent.value for agent in AgentName)


@dataclass(frozen=True, kw_only=True)
class DeployedNewt:
    """A newt in a Deployment. ``settings`` are variables with plain values that are no secret;
    ``references`` those from a Secret, as (Secret, key).
    """

    namespace: str
    name: str
    image: str
    settings: Mapping[str, str]
    references: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    version: str
    #: None: none of the known ones was seen.
    enforcer: str | None
    services: tuple[Service, ...] = ()
    newts: tuple[DeployedNewt, ...] = ()


def read(client: Client) -> ClusterFacts:
    """Ask the cluster. Raises ``ClusterError``."""
    services = client.each("/api/v1/services", objects.service)
    versions = client.each("/api/v1/nodes", _version, optional=True)
    sets = client.several_each("/apis/apps/v1/daemonsets", _images, optional=True)
    newts = client.several_each("/apis/apps/v1/deployments", newt_in, optional=True)
    return ClusterFacts(
        version=next(iter(versions), "unknown"),
        enforcer=enforcer(sets, versions),
        services=tuple(services),
        newts=tuple(newts),
    )


def enforcer(images: Sequence[str], versions: Sequence[str]) -> str | None:
    """Return the enforcer that is seen; whether it enforces shows the proof."""
    for part, name in _IMAGES:
        if any(part in image for image in images):
            return name
    return KUBE_ROUTER if any(_K3S in version for version in versions) else None


def newt_in(deployment: Object) -> Iterator[DeployedNewt]:
    """Yield the newt of a Deployment; none if it has none."""
    metadata = deployment["metadata"]
    for container in _containers(deployment):
        image = sanitized(str(container.get("image", "")))
        variables = {str(one["name"]): one for one in container.get("env") or ()}
        last = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
        if last not in _REPOSITORIES and not _IDENTITY & variables.keys():
            continue
        yield DeployedNewt(
            namespace=metadata["namespace"],
            name=metadata["name"],
            image=image,
            settings={
                name: sanitized(str(one["value"]))
                for name, one in variables.items()
                if name in _IDENTITY and one.get("value")
            },
            references={
                name: (str(where["name"]), str(where["key"]))
                for name, one in variables.items()
                if (where := (one.get("valueFrom") or {}).get("secretKeyRef"))
            },
        )


def _containers(found: Object) -> Sequence[Mapping[str, Any]]:
    template = (found.get("spec") or {}).get("template") or {}
    return tuple((template.get("spec") or {}).get("containers") or ())


def _images(daemon_set: Object) -> Iterator[str]:
    yield from (str(one.get("image", "")) for one in _containers(daemon_set))


def _version(node: Object) -> str:
    return str(((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", "unknown"))
