"""Turns Kubernetes' objects, as the API server sends them, into the few values of a snapshot.

Pure; one function per kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_interface, ip_network

from newt_tunnel.cluster.reading.installed import Object
from newt_tunnel.cluster.reading.snapshot import (
    ContainerPort,
    EndpointPort,
    Endpoints,
    Namespace,
    NetworkPolicy,
    Node,
    Pod,
    Service,
    ServicePort,
)
from newt_tunnel.egress.model import Address, Labels, Network
from newt_tunnel.settings.cluster_types import ServiceRef

_SERVICE_OF_SLICE = "kubernetes.io/service-name"
_FINISHED = ("Succeeded", "Failed")
#: Annotations in which enforcers and CNIs record a node's address with its network, as
#: ``ADDRESS/LENGTH``: a plain text, or a JSON object of such texts. Kubernetes itself knows
#: addresses only.
_NOTED = (
    # calico/libcalico-go/lib/backend/k8s/resources/node.go
    "projectcalico.org/IPv4Address",
    "projectcalico.org/IPv6Address",
    # ovn-kubernetes/go-controller/pkg/util/node_annotations.go
    "k8s.ovn.org/node-primary-ifaddr",
)
_NO_ADDRESS = ("", "None")


def namespace(found: Object) -> Namespace:
    metadata = found["metadata"]
    return Namespace(
        name=metadata["name"],
        labels=labels(metadata.get("labels")),
        annotations=metadata.get("annotations") or {},
    )


def service(found: Object) -> Service:
    metadata, spec = found["metadata"], found.get("spec") or {}
    return Service(
        ref=ServiceRef(metadata["namespace"], metadata["name"]),
        selector=labels(spec.get("selector")),
        ports=tuple(
            ServicePort(
                port=port["port"],
                # The API sets a default; only an object without defaults lacks it.
                target=port.get("targetPort") or port["port"],
                protocol=port.get("protocol", "TCP"),
                name=port.get("name") or None,
            )
            for port in spec.get("ports") or ()
        ),
        addresses=tuple(
            ip_address(address)
            for address in spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
            if address not in _NO_ADDRESS
        ),
        balancers=tuple(_balancers(found)),
        external_name=spec.get("externalName") if spec.get("type") == "ExternalName" else None,
    )


def _balancers(found: Object) -> Iterator[Address]:
    yield from map(ip_address, found["spec"].get("externalIPs") or ())
    balancer = (found.get("status") or {}).get("loadBalancer") or {}
    for one in balancer.get("ingress") or ():
        # In mode Proxy packets really leave for the balancer.
        if one.get("ip") and one.get("ipMode") != "Proxy":
            yield ip_address(one["ip"])


def endpoints(found: Object) -> Iterator[Endpoints]:
    """Return a slice; None if it belongs to no Service, or holds names instead of addresses."""
    metadata = found["metadata"]
    name = (metadata.get("labels") or {}).get(_SERVICE_OF_SLICE)
    if name is None or found.get("addressType") == "FQDN":
        return
    yield Endpoints(
        service=ServiceRef(metadata["namespace"], name),
        addresses=tuple(
            ip_address(address)
            for endpoint in found.get("endpoints") or ()
            for address in endpoint["addresses"]
        ),
        ports=tuple(
            EndpointPort(
                port=port["port"],
                protocol=port.get("protocol", "TCP"),
                name=port.get("name") or None,
            )
            for port in found.get("ports") or ()
            if port.get("port")
        ),
    )


def pod(found: Object) -> Iterator[Pod]:
    """Return a pod; None if it is finished and will never listen again."""
    metadata, spec, status = found["metadata"], found["spec"], found.get("status") or {}
    if status.get("phase") in _FINISHED:
        return
    # Sidecars are init containers that keep running.
    containers = [
        *(spec.get("containers") or ()),
        *(
            container
            for container in spec.get("initContainers") or ()
            if container.get("restartPolicy") == "Always"
        ),
    ]
    yield Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        labels=labels(metadata.get("labels")),
        addresses=tuple(ip_address(one["ip"]) for one in status.get("podIPs") or ()),
        ports=tuple(
            ContainerPort(
                port=port["containerPort"],
                protocol=port.get("protocol", "TCP"),
                name=port.get("name") or None,
            )
            for container in containers
            for port in container.get("ports") or ()
        ),
        host_network=bool(spec.get("hostNetwork")),
        ready=any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in status.get("conditions") or ()
        ),
        node_addresses=tuple(
            ip_address(one["ip"])
            for one in status.get("hostIPs") or [{"ip": status.get("hostIP")}]
            if one["ip"]
        ),
    )


def node(found: Object) -> Node:
    metadata, spec, status = found["metadata"], found.get("spec") or {}, found.get("status") or {}
    return Node(
        name=metadata["name"],
        addresses=tuple(_node_addresses(status)),
        pod_ranges=tuple(
            ip_network(block)
            for block in spec.get("podCIDRs") or [spec.get("podCIDR") or ""]
            if block
        ),
        networks=tuple(node_networks(metadata.get("annotations") or {})),
    )


def _node_addresses(status: Object) -> Iterator[Address]:
    for address in status.get("addresses") or ():
        if address["type"] in ("InternalIP", "ExternalIP"):
            yield ip_address(address["address"])


def node_networks(annotations: Mapping[str, str]) -> Iterator[Network]:
    """Return a node's own networks, from its annotations."""
    for key in _NOTED:
        for text in _noted_texts(annotations.get(key, "")):
            try:
                yield ip_interface(text).network
            except ValueError:
                # In another form the network is not known.
                continue


def _noted_texts(noted: str) -> tuple[str, ...]:
    if not noted.startswith("{"):
        return (noted,) if noted else ()
    try:
        return tuple(str(text) for text in json.loads(noted).values())
    except ValueError:
        return ()


def service_range(found: Object) -> Iterator[Network]:
    yield from (ip_network(block) for block in (found.get("spec") or {}).get("cidrs") or ())


def network_policy(found: Object) -> NetworkPolicy:
    metadata = found["metadata"]
    return NetworkPolicy(
        namespace=metadata["namespace"],
        name=metadata["name"],
        annotations=metadata.get("annotations") or {},
        spec=found.get("spec") or {},
    )


def labels(found: Mapping[str, str] | None) -> Labels:
    return tuple(sorted((found or {}).items()))
