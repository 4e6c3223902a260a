"""``dns`` in a cluster: the cluster's DNS pods and the addresses of other resolvers, as rules.

Pure; works on a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from newt_tunnel.cluster.lookup.entry import Followed
from newt_tunnel.cluster.reading.snapshot import Pod, Snapshot
from newt_tunnel.cluster.text import listed
from newt_tunnel.egress.cluster_proof import Contact, Dialled
from newt_tunnel.egress.model import (
    DNS_PORT,
    DNS_PROTOCOLS,
    DNS_RULE,
    EVERYWHERE6,
    Network,
    Pods,
    PortRange,
    Protocol,
    labels_text,
)
from newt_tunnel.egress.rules import Rule
from newt_tunnel.findings import Finding, error, warning
from newt_tunnel.settings.dns import Dns
from newt_tunnel.settings.kubernetes import ClusterDns
from newt_tunnel.settings.policy import dns_rules

_KEY = "kubernetes.clusterDns"
_NODE_LOCAL_LABEL = ("k8s-app", "node-local-dns")


def follow(dns: Dns, cluster_dns: ClusterDns, snapshot: Snapshot) -> Followed:
    """Follow ``dns`` to the resolvers that newt may ask."""
    rules = list(dns_rules(dns))
    if dns.anywhere and snapshot.has_ipv6:
        rules += [_rule(EVERYWHERE6, protocol) for protocol in DNS_PROTOCOLS]
    findings = list(_resolvers(dns, snapshot))
    if not dns.cluster:
        return Followed(rules=tuple(rules), findings=tuple(findings))
    pods = snapshot.selected(cluster_dns.namespace, cluster_dns.labels)
    return Followed(
        rules=(*_pod_rules(cluster_dns, pods), *rules),
        dialled=tuple(_dialled(snapshot, pods)),
        findings=(*findings, *_pod_findings(dns, cluster_dns, pods, snapshot)),
    )


def _resolvers(dns: Dns, snapshot: Snapshot) -> Iterator[Finding]:
    for number, resolver in enumerate(dns.resolvers):
        service = next((one for one in snapshot.services if resolver in one.addresses), None)
        if service is not None:
            yield error(
                f"dns[{number}]",
                f"{resolver} is the ClusterIP of {service.ref}, which no policy sees; write "
                "`cluster`",
            )


def _pod_rules(cluster_dns: ClusterDns, pods: Iterable[Pod]) -> Iterator[Rule]:
    on_nodes = {address for pod in pods if pod.host_network for address in pod.addresses}
    for protocol in DNS_PROTOCOLS:
        selected = Pods(cluster_dns.namespace, cluster_dns.labels)
        yield _rule(selected, protocol, cluster_dns.port)
        for address in sorted(on_nodes, key=str):
            yield _rule(ip_network(address), protocol, cluster_dns.port)


def _rule(destination: Network | Pods, protocol: Protocol, port: int = DNS_PORT) -> Rule:
    return Rule(
        name=DNS_RULE,
        destination=destination,
        protocol=protocol,
        ports=(PortRange.single(port),),
        origin="dns",
    )


def _pod_findings(
    dns: Dns, cluster_dns: ClusterDns, pods: tuple[Pod, ...], snapshot: Snapshot
) -> Iterator[Finding]:
    if not pods:
        yield error(f"{_KEY}.labels", _no_pods(cluster_dns, snapshot))
        return
    listening = {port.port for pod in pods for port in pod.ports if port.protocol == "UDP"}
    if listening and cluster_dns.port not in listening:
        yield error(
            f"{_KEY}.port",
            f"the DNS pods listen on {listed(sorted(listening))}, not on {cluster_dns.port}; write "
            "the one that answers DNS",
        )
    has_cache = any(_NODE_LOCAL_LABEL in pod.labels for pod in snapshot.pods)
    if has_cache and not dns.resolvers and not dns.anywhere:
        yield warning(
            "dns",
            "this cluster has a node-local DNS cache, which the rule for the DNS pods does not "
            "cover; write its address too, like [cluster, 169.254.20.10]",
        )


def _no_pods(cluster_dns: ClusterDns, snapshot: Snapshot) -> str:
    text = (
        f"no pod of namespace {cluster_dns.namespace} has the labels "
        f"{labels_text(cluster_dns.labels)}, so newt could resolve nothing"
    )
    for service in snapshot.services_of(cluster_dns.namespace):
        if service.selector and any(port.port == DNS_PORT for port in service.ports):
            return (
                f"{text}; the DNS Service {service.ref} selects {labels_text(service.selector)}, "
                "write those"
            )
    return f"{text}; write namespace and labels of the DNS pods"


def _dialled(snapshot: Snapshot, pods: Iterable[Pod]) -> Iterator[Dialled]:
    """Yield contacts at the DNS Service, as newt asks it."""
    asked = set(pods)
    for service in snapshot.services:
        if not (service.addresses and asked.intersection(snapshot.pods_behind(service))):
            continue
        for protocol in DNS_PROTOCOLS:
            if any(
                port.port == DNS_PORT and port.protocol.lower() == protocol.value
                for port in service.ports
            ):
                yield Dialled(
                    name=DNS_RULE,
                    protocol=protocol,
                    contacts=(Contact(service.addresses[0], DNS_PORT),),
                    must_reach=True,
                )
