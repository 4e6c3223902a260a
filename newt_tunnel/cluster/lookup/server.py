"""Pangolin, the servers that newt connects to, as rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from newt_tunnel.cluster.lookup.entry import Followed
from newt_tunnel.cluster.lookup.host_names import HostNames
from newt_tunnel.cluster.lookup.outside import objections
from newt_tunnel.egress.model import Address, HostName
from newt_tunnel.egress.rules import Rule
from newt_tunnel.findings import Finding
from newt_tunnel.settings.servers import NODES_KEY, servers_of
from newt_tunnel.settings.stack import KubernetesSettings


def follow_server(settings: KubernetesSettings, names: HostNames) -> Followed:
    servers = servers_of(settings)
    own = "pangolin.addresses" if servers.addresses else "pangolin.endpoint"
    findings: list[Finding] = []
    resolved: dict[HostName, tuple[Address, ...]] = {}
    for key, name in servers.names:
        # Where addresses that are not public must be written.
        written = NODES_KEY if key == NODES_KEY else "pangolin.addresses"
        resolved[name], about = names.allowed(key, name, written=written)
        findings += about
    if not all(resolved.values()):
        return Followed(findings=tuple(findings))
    rules = tuple(servers.rules(resolved))
    # One address has several rules, and one objection is enough.
    objected = dict.fromkeys(_objections(rules, own, names))
    return Followed(rules=rules, findings=(*findings, *objected))


def _objections(rules: tuple[Rule, ...], own: str, names: HostNames) -> Iterator[Finding]:
    for rule in rules:
        key = NODES_KEY if rule.origin == NODES_KEY else own
        yield from objections(key, rule, names.snapshot)
