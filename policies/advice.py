"""What newt may have for a stated reason: wide targets, capabilities, no proof."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from newt_tunnel.settings.addresses import is_wide
from policies import newt_resources
from policies.fit import Fit
from policies.kinds import CONTAINER, NETWORK_POLICY, SERVICE, SERVICE_SPEC
from policies.network_policies import allows_everything, may_open
from policies.reasons import TUNNELS, entries_in, reason_for
from policies.view import UNKNOWN, Resource, Violation, at, items, mapping, text

_ENTRY = "write what newt needs, or say why on the entry in the stack file, as `reason:`"
#: The rule for resolvers comes from a key of its own.
_DNS = "dns"
_ANY_RESOLVER = "write the resolvers in dns, or say why in reasons.dns"
_NAMESPACE = "kubernetes.io/metadata.name"


def wide(resources: list[Resource]) -> Iterator[Violation]:
    """Find rules for everything or a whole network, with or without ports."""
    for tunnel in (one for one in resources if one.type == TUNNELS[0]):
        for index, row in enumerate(items(tunnel.at("reach"))):
            is_dns = at(row, "name") == _DNS
            excused = reason_for(tunnel, _DNS) if is_dns else text(at(row, "reason"))
            if _is_wide(at(row, "destination")) and not excused:
                yield Violation(
                    resource=tunnel,
                    property=f"reach[{index}]",
                    value=f"{at(row, 'name')} {at(row, 'destination')}",
                    remedy=_ANY_RESOLVER if is_dns else _ENTRY,
                )
    for policy in _cages(resources):
        entries = entries_in(policy)
        for place, peer in _peers(policy):
            block = at(peer, "ipBlock", "cidr")
            if not _is_wide(block):
                continue
            name, reason = entries.get(block, (None, None))
            if not (reason_for(policy, _DNS) if name == _DNS else reason):
                yield Violation(
                    resource=policy,
                    property=place,
                    value=block,
                    remedy=_ANY_RESOLVER if name == _DNS else _ENTRY,
                )
        for index, rule in enumerate(items(policy.at("spec", "egress"))):
            if not at(rule, "to") and allows_everything(rule) is Fit.NO:
                yield Violation(
                    resource=policy,
                    property=f"spec.egress[{index}].to",
                    value="(missing)",
                    remedy="opens these ports everywhere: write `to`",
                )


def whole_namespaces(resources: list[Resource]) -> Iterator[Violation]:
    """Find rules for every pod of a namespace, including later ones."""
    for policy in _cages(resources):
        entries = entries_in(policy)
        for place, peer in _peers(policy):
            namespaces, pods = at(peer, "namespaceSelector"), at(peer, "podSelector")
            if at(peer, "ipBlock") is not None or _selects_some(pods):
                continue
            name = at(namespaces, "matchLabels", _NAMESPACE)
            _, reason = entries.get(f"{name}/*", (None, None))
            if UNKNOWN not in (namespaces, pods, name) and not reason:
                whose = "newt's own namespace" if namespaces is None else name
                yield Violation(
                    resource=policy,
                    property=place,
                    value=f"every pod of {whose or 'the namespaces it selects'}",
                    remedy="write the pods' labels, or say why on the entry in the stack file, as "
                    "`reason:`",
                )


def _selects_some(pods: Any) -> bool:
    return bool(mapping(at(pods, "matchLabels")) or items(at(pods, "matchExpressions")))


def capabilities(resources: list[Resource]) -> Iterator[Violation]:
    for newt in newt_resources.find_newts(resources):
        for place, added in _added(newt):
            if added and not reason_for(newt, "capabilities"):
                yield Violation(
                    resource=newt,
                    property=place,
                    value=", ".join(map(str, added)),
                    remedy="newt works without: take it out of newt.capabilities, or say why in "
                    "reasons.capabilities",
                )


def unproved(resources: list[Resource]) -> Iterator[Violation]:
    """Find stacks without a proof, which do not know whether the cage holds."""
    for tunnel in (one for one in resources if one.type in TUNNELS):
        if tunnel.at("proofMode") == "off" and not reason_for(tunnel, "proof"):
            yield Violation(
                resource=tunnel,
                property="proof",
                value="off",
                remedy="write proof: enforce, or say why in reasons.proof",
            )


def _cages(resources: list[Resource]) -> list[Resource]:
    """Return the policies that confine some newt."""
    pods = [
        one
        for newt in newt_resources.find_newts(resources)
        if newt.type not in (CONTAINER, SERVICE)
        for one in newt_resources.pods_of(newt)
    ]
    return [
        policy
        for policy in resources
        if policy.type == NETWORK_POLICY
        and any(may_open(policy, one) is not Fit.NO for one in pods)
    ]


def _peers(policy: Resource) -> Iterator[tuple[str, Any]]:
    for index, rule in enumerate(items(policy.at("spec", "egress"))):
        for n, peer in enumerate(items(at(rule, "to"))):
            yield f"spec.egress[{index}].to[{n}]", peer


def _is_wide(block: Any) -> bool:
    try:
        return is_wide(ipaddress.ip_network(block))
    except ValueError:
        # A name, a pod, or not known yet.
        return False


def _added(newt: Resource) -> Iterator[tuple[str, list[Any]]]:
    if newt.type == CONTAINER:
        yield "capabilities.adds", items(newt.at("capabilities", "adds"))
        return
    if newt.type == SERVICE:
        yield "taskSpec.containerSpec.capAdds", items(newt.at(*SERVICE_SPEC, "capAdds"))
    by_place: dict[str, list[Any]] = {}
    for path, _, value in newt_resources.values_of_pods(newt):
        if ".capabilities.add[" in path:
            by_place.setdefault(path.rpartition("[")[0], []).append(value)
    yield from by_place.items()
