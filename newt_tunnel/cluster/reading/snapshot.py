"""A snapshot of a cluster: plain values, as few as the look-ups need.

Pure: ``reader`` fills it, and tests write it by hand. Kubernetes' own objects go no further than
``reader``; only the specs of NetworkPolicies are kept as they are, because they are compared whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from newt_tunnel.cluster.reading.installed import Installed
from newt_tunnel.egress.cluster_proof import Contact
from newt_tunnel.egress.model import Address, Labels, Network
from newt_tunnel.settings.cluster_types import ServiceRef

#: The Service in front of the API.
API_SERVICE = ServiceRef("default", "kubernetes")


@dataclass(frozen=True, kw_only=True)
class ServicePort:
    """A port of a Service. ``target`` is the pods' port, by number or name."""

    port: int
    target: int | str
    protocol: str = "TCP"
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol}" + (f" ({self.name})" if self.name else "")


@dataclass(frozen=True, kw_only=True)
class Service:
    """A Service. ``addresses`` are its ClusterIPs, none for a headless one; ``balancers`` those by
    which it is reached from outside.
    """

    ref: ServiceRef
    selector: Labels = ()
    ports: tuple[ServicePort, ...] = ()
    addresses: tuple[Address, ...] = ()
    balancers: tuple[Address, ...] = ()
    #: Of an ExternalName Service, the name it is another name for.
    external_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class EndpointPort:
    port: int
    protocol: str = "TCP"
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """A slice of the endpoints of a Service. Slices may differ in their ports."""

    service: ServiceRef
    addresses: tuple[Address, ...]
    ports: tuple[EndpointPort, ...]


@dataclass(frozen=True, kw_only=True)
class ContainerPort:
    port: int
    protocol: str = "TCP"
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod that is not finished. ``ports`` are those its containers declare."""

    namespace: str
    name: str
    labels: Labels = ()
    addresses: tuple[Address, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    #: It has its node's address, and policies can only match that.
    host_network: bool = False
    ready: bool = True
    #: Address of its node.
    node_addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Node:
    name: str
    addresses: tuple[Address, ...] = ()
    pod_ranges: tuple[Network, ...] = ()
    #: The networks of its own addresses, if they are annotated.
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NetworkPolicy:
    """A NetworkPolicy of newt's namespace; ``spec`` as the API server has it."""

    namespace: str
    name: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Namespace:
    name: str
    labels: Labels = ()
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A cluster at one moment. Pods and endpoints only of the namespaces that were asked for."""

    #: Context of the kubeconfig; None for its current one.
    context: str | None
    namespaces: tuple[Namespace, ...] = ()
    services: tuple[Service, ...] = ()
    endpoints: tuple[Endpoints, ...] = ()
    pods: tuple[Pod, ...] = ()
    nodes: tuple[Node, ...] = ()
    #: The address ranges of Services, if the cluster lists them.
    service_ranges: tuple[Network, ...] = ()
    #: Of newt's own namespace.
    policies: tuple[NetworkPolicy, ...] = ()
    installed: Installed = field(default_factory=Installed)

    def service(self, ref: ServiceRef) -> Service | None:
        return next((service for service in self.services if service.ref == ref), None)

    def services_of(self, namespace: str) -> tuple[Service, ...]:
        return tuple(one for one in self.services if one.ref.namespace == namespace)

    def endpoints_of(self, ref: ServiceRef) -> tuple[Endpoints, ...]:
        return tuple(slice_ for slice_ in self.endpoints if slice_.service == ref)

    def selected(self, namespace: str, labels: Labels) -> tuple[Pod, ...]:
        wanted = set(labels)
        return tuple(
            pod for pod in self.pods if pod.namespace == namespace and wanted <= set(pod.labels)
        )

    def pods_behind(self, service: Service) -> tuple[Pod, ...]:
        """Return the pods that the Service selects; none without a selector."""
        return self.selected(service.ref.namespace, service.selector) if service.selector else ()

    def namespace(self, name: str) -> Namespace | None:
        return next((one for one in self.namespaces if one.name == name), None)

    def has_namespace(self, name: str) -> bool:
        return self.namespace(name) is not None

    @property
    def node_addresses(self) -> tuple[Address, ...]:
        """Return the addresses of all nodes; if they may not be listed, of the pods' nodes."""
        listed = [address for node in self.nodes for address in node.addresses]
        on_pods = [address for pod in self.pods for address in pod.node_addresses]
        return tuple(dict.fromkeys((*listed, *on_pods)))

    @property
    def node_networks(self) -> tuple[Network, ...]:
        return tuple(dict.fromkeys(found for node in self.nodes for found in node.networks))

    @property
    def pod_ranges(self) -> tuple[Network, ...]:
        """Return the address ranges of pods; if no range is known, the addresses seen."""
        ranges = tuple(dict.fromkeys(r for node in self.nodes for r in node.pod_ranges))
        alone = (
            ip_network(address)
            for pod in self.pods
            if not pod.host_network
            for address in pod.addresses
            if not any(address in known for known in ranges)
        )
        return (*ranges, *dict.fromkeys(alone))

    @property
    def api(self) -> tuple[Contact, ...]:
        """Return the API's own endpoints, to which its Service leads."""
        return tuple(
            Contact(address, port.port)
            for slice_ in self.endpoints_of(API_SERVICE)
            for address in slice_.addresses
            for port in slice_.ports
        )

    @property
    def api_service(self) -> Contact | None:
        """Return the API's contact as pods dial it."""
        return next(self._api_contacts(), None)

    def _api_contacts(self) -> Iterator[Contact]:
        service = self.service(API_SERVICE)
        for address in service.addresses if service else ():
            for port in service.ports if service else ():
                yield Contact(address, port.port)

    @property
    def has_ipv6(self) -> bool:
        """Whether pods have IPv6, so that a name's IPv6 addresses need rules."""
        return any(block.version == 6 for block in self.pod_ranges)
