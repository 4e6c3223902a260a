"""Renders a policy as the spec of a NetworkPolicy, with the annotations that name its rules.

Pure: a policy in, plain dicts out; metadata is the component's. Egress rules are in the order of
the stack file, one per target: Pulumi's provider compares lists by index, so an added target is one
added rule in the diff.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from newt_tunnel.egress.model import HostName, Pods, Protocol, WideBlock, destination_text
from newt_tunnel.egress.policy_statements import NAMESPACE_LABEL, statements
from newt_tunnel.egress.rules import Policy, Rule

RenderedSpec = dict[str, Any]

#: The label by which the chart marks the pods of one newt instance.
INSTANCE_LABEL = "newt.instance"
#: The annotation ``<prefix>/<name of the rule>`` describes what that rule allows.
RULE_PREFIX = "egress.newt-tunnel"
#: Digest of the rules, on the policy and on every pod that was started under it.
DIGEST_ANNOTATION = "newt-tunnel/policy"
#: Fingerprints of a policy as rendered. A later change by hand has none here.
RENDERED_ANNOTATION = "newt-tunnel/rendered"
_DIGEST_LENGTH = 16
_BOTH = ["Ingress", "Egress"]


def newt_policy(policy: Policy, instance: str) -> RenderedSpec:
    """Return the spec for newt's pods: no ingress, and egress as ``policy`` allows."""
    return {
        "podSelector": {"matchLabels": {INSTANCE_LABEL: instance}},
        "policyTypes": _BOTH,
        "egress": list(_egress(policy)),
    }


def deny_all() -> RenderedSpec:
    """Return the spec that closes a whole namespace. Policies add up, so it widens nothing."""
    return {"podSelector": {}, "policyTypes": _BOTH}


def deny_in_words() -> RenderedSpec:
    """Return ``deny_all`` with a rule for each direction: an apply takes a field from another
    client only with a value, and Pulumi's plugin leaves out an empty list. The loopback address
    exists only inside a pod, and a packet to it leaves no pod.
    """
    nobody = {"ipBlock": {"cidr": "127.0.0.1/32"}}
    return deny_all() | {"ingress": [{"from": [nobody]}], "egress": [{"to": [nobody]}]}


def annotations_of(policy: Policy, instance: str) -> dict[str, str]:
    """Return the annotations: what each rule allows, by its name, the digest of all, and
    fingerprints.
    """
    words: dict[str, list[str]] = {}
    for rule in policy.allowed:
        text = f"{destination_text(rule.destination)} {rule.ports_text}/{rule.protocol.value}"
        words.setdefault(rule.name, []).append(text + (f" ({rule.reason})" if rule.reason else ""))
    named = {f"{RULE_PREFIX}/{name}": ", ".join(texts) for name, texts in words.items()}
    return named | {DIGEST_ANNOTATION: digest(policy)} | rendered(newt_policy(policy, instance))


def rendered(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the annotation that records ``spec``, because Pulumi ignores additions by hand."""
    return {RENDERED_ANNOTATION: " ".join(one.fingerprint for one in statements(spec))}


def digest(policy: Policy) -> str:
    """Return a hash that changes exactly when the rules do. newt's pod must be rolled then: some
    enforcers keep a connection open when its rule is gone.
    """
    return digest_of({"egress": list(_egress(policy))})


def digest_of(spec: Mapping[str, Any]) -> str:
    """Return the same hash of a spec, rendered or read back: the API server stores a rule
    unchanged.
    """
    text = json.dumps(list(spec.get("egress") or ()), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def _egress(policy: Policy) -> Iterator[RenderedSpec]:
    by_name: dict[str, list[Rule]] = {}
    for rule in policy.allowed:
        by_name.setdefault(rule.name, []).append(rule)
    for rules in by_name.values():
        yield from _rules(rules)


def _rules(rules: Iterable[Rule]) -> Iterator[RenderedSpec]:
    """One egress rule for what one name allows; more only where destinations differ in ports."""
    ports: dict[str, list[RenderedSpec]] = {}
    peers: dict[str, RenderedSpec] = {}
    for rule in rules:
        peer = _peer(rule)
        key = json.dumps(peer, sort_keys=True)
        peers[key] = peer
        ports.setdefault(key, []).extend(_ports(rule))
    together: dict[str, RenderedSpec] = {}
    for key, peer in peers.items():
        found = ports[key]
        # Without ports the rule is one for all protocols, and it contains the others.
        blanket = any(not port for port in found)
        rule_ports = [] if blanket else [p for n, p in enumerate(found) if p not in found[:n]]
        spec = together.setdefault(json.dumps(rule_ports), {"to": []})
        spec["to"].append(peer)
        if rule_ports:
            spec["ports"] = rule_ports
    yield from together.values()


def _peer(rule: Rule) -> RenderedSpec:
    destination = rule.destination
    if isinstance(destination, str):
        raise ValueError(f"{rule.origin}: {HostName(destination)} has not been resolved")
    if isinstance(destination, Pods):
        # Both in one peer: in two they would be alternatives. No labels: every pod there.
        peer: RenderedSpec = {
            "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: destination.namespace}}
        }
        if destination.labels:
            peer["podSelector"] = {"matchLabels": dict(destination.labels)}
        return peer
    if isinstance(destination, WideBlock):
        block: RenderedSpec = {"cidr": str(destination.network)}
        if destination.excluded:
            block["except"] = [str(hole) for hole in destination.excluded]
        return {"ipBlock": block}
    return {"ipBlock": {"cidr": str(destination)}}


def _ports(rule: Rule) -> Iterator[RenderedSpec]:
    if rule.protocol is Protocol.ANY:
        yield {}
        return
    protocol = rule.protocol.value.upper()
    for ports in rule.ports:
        single: RenderedSpec = {"protocol": protocol, "port": ports.first}
        yield single if ports.is_single else single | {"endPort": ports.last}
    for named in rule.port_names:
        # By number if one is known. An enforcer may look a name up in all pods of the cluster, and
        # fail where two of them differ (measured with Cilium 1.15 and a port called http).
        for port in named.numbers or (named.name,):
            yield {"protocol": protocol, "port": port}
