"""Pangolin, the server that newt connects to, as rules. Pure."""

from __future__ import annotations

from newt_tunnel.cluster.lookup.entry import Followed
from newt_tunnel.cluster.lookup.host_names import HostNames
from newt_tunnel.cluster.lookup.outside import objections
from newt_tunnel.findings import Finding
from newt_tunnel.settings.policy import (
    destinations_of,
    resolved_endpoint,
    server_ports,
    server_rules,
)
from newt_tunnel.settings.stack import KubernetesSettings


def follow_server(settings: KubernetesSettings, names: HostNames) -> Followed:
    pangolin = settings.pangolin
    addresses = pangolin.addresses
    key = "pangolin.addresses" if addresses else "pangolin.endpoint"
    findings: tuple[Finding, ...] = ()
    if name := resolved_endpoint(pangolin):
        addresses, findings = names.allowed(key, name, is_endpoint=True)
        if not addresses:
            return Followed(findings=findings)
    server = destinations_of(pangolin.endpoint.host, addresses)
    rules = tuple(server_rules(server, server_ports(settings)))
    objected = (one for rule in rules for one in objections(key, rule, names.snapshot))
    # One address has several rules, and one objection is enough.
    return Followed(rules=rules, findings=(*findings, *dict.fromkeys(objected)))
