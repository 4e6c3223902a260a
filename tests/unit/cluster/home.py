"""The blog post's cluster as a snapshot, ways to change it, and look-ups in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from newt_tunnel.cluster.lookup.look_up import Lookup, look_up
from newt_tunnel.cluster.reading.name_resolution import Answers
from newt_tunnel.cluster.reading.snapshot import (
    ContainerPort,
    EndpointPort,
    Endpoints,
    Namespace,
    Node,
    Pod,
    Service,
    ServicePort,
    Snapshot,
)
from newt_tunnel.egress.model import HostName
from newt_tunnel.settings.cluster_types import ServiceRef
from tests.unit.settings.example import cluster_settings


def labels(text: str) -> tuple[tuple[str, str], ...]:
    """``labels("app=web,tier=front")``."""
    pairs = (pair.split("=") for pair in text.split(",") if pair)
    return tuple(sorted((key, value) for key, value in pairs))


def service(ref: str, selector: str, *ports: ServicePort, at: str = "", **more: Any) -> Service:
    """A Service ``namespace/name`` with its ClusterIPs ``at``."""
    namespace, _, name = ref.partition("/")
    return Service(
        ref=ServiceRef(namespace, name),
        selector=labels(selector),
        ports=ports,
        addresses=tuple(map(ip_address, at.split())),
        **more,
    )


def pod(name: str, its_labels: str, at: str, *ports: ContainerPort, **more: Any) -> Pod:
    """A pod ``namespace/name`` with its addresses ``at``."""
    namespace, _, own = name.partition("/")
    return Pod(
        namespace=namespace,
        name=own,
        labels=labels(its_labels),
        addresses=tuple(map(ip_address, at.split())),
        ports=ports,
        **more,
    )


def port(number: int, name: str | None = None, protocol: str = "TCP") -> ContainerPort:
    return ContainerPort(port=number, name=name, protocol=protocol)


def leads(number: int, target: int | str, name: str | None = None, **more: str) -> ServicePort:
    return ServicePort(port=number, target=target, name=name, **more)


def slice_of(ref: str, at: str, *ports: EndpointPort) -> Endpoints:
    namespace, _, name = ref.partition("/")
    return Endpoints(
        service=ServiceRef(namespace, name),
        addresses=tuple(map(ip_address, at.split())),
        ports=ports,
    )


API = service("default/kubernetes", "", leads(443, 6443, "https"), at="10.43.0.1")
KUBE_DNS = service(
    "kube-system/kube-dns",
    "k8s-app=kube-dns",
    leads(53, 53, "dns", protocol="UDP"),
    leads(53, 53, "dns-tcp"),
    leads(9153, 9153, "metrics"),
    at="10.43.0.10",
)
COREDNS = pod(
    "kube-system/coredns-1",
    "k8s-app=kube-dns,pod-template-hash=1",
    "10.42.0.2",
    port(53, "dns", "UDP"),
    port(53, "dns-tcp"),
    port(9153, "metrics"),
)
HOME = Snapshot(
    context="k3s-home",
    namespaces=tuple(
        Namespace(name=name)
        for name in (
            *("default", "kube-system", "gitea", "homeassistant", "monitoring", "databases"),
            "shop",
        )
    ),
    services=(
        API,
        KUBE_DNS,
        service("gitea/gitea", "app=gitea", leads(80, 3000), at="10.43.0.20"),
        service("homeassistant/homeassistant", "app=ha", leads(80, "http"), at="10.43.0.30"),
        service("monitoring/grafana", "app=grafana", leads(3000, 3000), at="10.43.0.40"),
        service("databases/postgres", "app=postgres", leads(5432, 5432), at="10.43.0.50"),
    ),
    endpoints=(slice_of("default/kubernetes", "10.0.1.11", EndpointPort(port=6443, name="https")),),
    pods=(
        COREDNS,
        pod(
            "gitea/gitea-1",
            "app=gitea,app.kubernetes.io/component=gitea",
            "10.42.0.3",
            port(3000, "http"),
        ),
        pod("homeassistant/ha-1", "app=ha", "10.42.0.4", port(8123, "http")),
        pod("monitoring/grafana-1", "app=grafana", "10.42.0.5", port(3000)),
        pod("databases/postgres-1", "app=postgres", "10.42.0.6", port(5432)),
    ),
    nodes=(
        Node(
            name="k3s",
            addresses=(ip_address("10.0.1.11"),),
            pod_ranges=(ip_network("10.42.0.0/24"),),
        ),
    ),
    service_ranges=(ip_network("10.43.0.0/16"),),
)


def with_objects(*objects: Service | Pod | Endpoints, of: Snapshot = HOME) -> Snapshot:
    """The cluster with further objects."""
    return replace(
        of,
        services=(*of.services, *(one for one in objects if isinstance(one, Service))),
        pods=(*of.pods, *(one for one in objects if isinstance(one, Pod))),
        endpoints=(*of.endpoints, *(one for one in objects if isinstance(one, Endpoints))),
    )


def answers(**names: str) -> Answers:
    """``answers(nas_lan="10.0.1.7 10.0.1.8")``; `_` stands for a dot."""
    return {
        HostName(name.replace("_", ".")): tuple(map(ip_address, addresses.split()))
        for name, addresses in names.items()
    }


def looked_up(
    egress: Iterable[Mapping[str, Any] | str] | None = None,
    never: Iterable[Mapping[str, Any] | str] | None = (),
    *,
    of: Snapshot = HOME,
    names: Answers | None = None,
    **changes: Any,
) -> Lookup:
    """The example with its entries replaced; None leaves them."""
    lists = {"egress": egress, "mustNotReach": never}
    written = {key: list(value) for key, value in lists.items() if value is not None}
    settings = cluster_settings(
        {**written, **{key.replace("__", "."): value for key, value in changes.items()}}
    )
    return look_up(settings, of, names or {})


def rules(lookup: Lookup) -> list[str]:
    """What is allowed beside DNS and Pangolin."""
    assert lookup.policy is not None, "\n".join(map(str, lookup.errors))
    return [str(rule) for rule in lookup.policy.allowed if rule.name not in ("dns", "pangolin")]


#: What the proof of the example tries in this cluster.
PLAN = (
    "reach udp 10.43.0.10 53 dns",
    "reach tcp 10.43.0.10 53 dns",
    "reach tcp 203.0.113.10 443 pangolin",
    "reach udp 203.0.113.10 51820 pangolin",
    "reach tcp 10.43.0.20 80 gitea",
    "reach tcp 10.43.0.30 80 homeassistant",
    "reach tcp 10.0.1.200 631 printer",
    "block tcp 10.43.0.40 3000 grafana",
    "block tcp 10.43.0.50 5432 postgres",
    "block tcp 10.0.1.1 80 router",
    "block tcp 10.43.0.1 443 kubernetes-api",
    "block tcp @{node} 22 node-ssh",
    "block tcp @{node} 10250 node-kubelet",
    "block tcp 169.254.169.254 80 cloud-metadata",
    "block tcp 9.9.9.9 53 foreign-resolver",
    "block udp 9.9.9.9 53 foreign-resolver",
)
