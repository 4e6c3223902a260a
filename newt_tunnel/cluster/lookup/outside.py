"""Targets outside the cluster: checks for addresses that belong to the cluster, and for large
blocks.

Pure; works on a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

from newt_tunnel.cluster.lookup.entry import Followed, KeyedTarget
from newt_tunnel.cluster.lookup.wide import left_open, widened
from newt_tunnel.cluster.reading.snapshot import Snapshot
from newt_tunnel.cluster.text import listed
from newt_tunnel.egress import registry
from newt_tunnel.egress.model import Network, Protocol, WideBlock, destination_text
from newt_tunnel.egress.networks import is_inside
from newt_tunnel.egress.rules import Rule
from newt_tunnel.findings import Finding, error, info, warning


def follow_block(entry: KeyedTarget, block: Network, snapshot: Snapshot) -> Followed:
    """Follow an entry that names an address or a block."""
    destination = widened(block, snapshot) if entry.target.wide else block
    rule = entry.rule(destination, entry.target.port.ranges)
    if not entry.is_allowed:
        return Followed(rules=(rule,))
    key = f"{entry.key}.{'host' if entry.target.cidr is None else 'cidr'}"
    findings = [*objections(key, rule, snapshot), *published_here(key, rule, snapshot)]
    if isinstance(destination, WideBlock):
        without = listed(destination.excluded) or "anything"
        findings.append(info(key, f"{block} without {without}"))
        findings += left_open(key, destination, snapshot)
    return Followed(rules=(rule,), findings=tuple(findings))


def objections(key: str, rule: Rule, snapshot: Snapshot) -> Iterator[Finding]:
    """Yield an error if a rule for addresses is forbidden, or would have no effect. One reason is
    enough.
    """
    destination = rule.destination
    is_wide = isinstance(destination, WideBlock)
    block = destination.network if isinstance(destination, WideBlock) else destination
    if not isinstance(block, IPv4Network | IPv6Network):
        return
    for judged in (block, registry.held_block(block)):
        reason = None if judged is None else _not_outside(judged, snapshot)
        if judged is not None and reason is None and not is_wide:
            reason = _too_large(judged, snapshot) or _holds_the_api(judged, rule, snapshot)
        if reason is not None:
            yield error(key, f"{destination_text(block)} {reason}")
            return


def published_here(key: str, rule: Rule, snapshot: Snapshot) -> Iterator[Finding]:
    """Warn about a load balancer of this cluster: inside it the address leads to the pods."""
    block = rule.destination
    if not isinstance(block, IPv4Network | IPv6Network) or block.prefixlen < block.max_prefixlen:
        return
    for service in snapshot.services:
        ports = [
            port.port
            for port in service.ports
            if port.protocol.lower() == rule.protocol.value
            and any(port.port in ports for ports in rule.numbers)
        ]
        if ports and block.network_address in service.balancers:
            yield warning(
                key,
                f"{block.network_address} port {listed(ports)} is this cluster's own Service "
                f"{service.ref}: inside the cluster the address is replaced by a pod's before the "
                f"policy is looked at; write `service: {service.ref}`",
            )


def _not_outside(block: Network, snapshot: Snapshot) -> str | None:
    """Return the error for a block in the ranges of Services or pods, which no block matches."""
    if block.prefixlen == block.max_prefixlen:
        for service in snapshot.services:
            if block.network_address in service.addresses:
                return (
                    f"is the ClusterIP of {service.ref}, which no policy sees; write `service: "
                    f"{service.ref}` with the Service's own port"
                )
    for what, known, instead in _ranges(snapshot):
        if is_inside(block, known):
            return f"is among the cluster's {what} ({known}); write {instead}"
    return None


def _too_large(block: Network, snapshot: Snapshot) -> str | None:
    for what, known, _ in _ranges(snapshot):
        if is_inside(known, block):
            return (
                f"contains the cluster's {what} ({known}); write narrower blocks, or `wide: true` "
                "to allow the rest of it"
            )
    return None


def _holds_the_api(block: Network, rule: Rule, snapshot: Snapshot) -> str | None:
    api = [
        contact
        for contact in snapshot.api
        if contact.host in block and any(contact.port in ports for ports in rule.numbers)
    ]
    if not api or rule.protocol is Protocol.UDP:
        return None
    return (
        f"is or contains the Kubernetes API ({listed(api)}), which newt may never reach; leave "
        "its address or its port out"
    )


def _ranges(snapshot: Snapshot) -> Iterator[tuple[str, Network, str]]:
    for known in snapshot.service_ranges:
        yield "Services", known, "`service: NAMESPACE/NAME`"
    for known in snapshot.pod_ranges:
        yield "pods", known, "`namespace:` and `labels:`, or `service:`"
