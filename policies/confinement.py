"""No newt without its cage: a firewall or a NetworkPolicy that is there first.

`First` is what the resource graph says: newt needs it, directly or by way of others. A cage beside
newt leaves newt free while it comes, and when it goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.newts import CONTAINER, Pods, newts, pods_of
from policies.view import UNKNOWN, Finding, Resource, at, items, mapping, text

NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
COMMAND = "command:remote:Command"
#: How the host's program is told to load a declaration; see host/payload.py.
_APPLY = re.compile(r"\bsh -s -- apply\b")
_DECLARED = re.compile(r"^(network|newt)=(\S+)$", re.MULTILINE)
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def unconfined(resources: list[Resource]) -> Iterator[Finding]:
    for newt in newts(resources):
        if newt.type == CONTAINER:
            yield from _unguarded(newt, resources)
        else:
            yield from _unselected(newt, resources)


# Docker


def _unguarded(newt: Resource, resources: list[Resource]) -> Iterator[Finding]:
    if newt.at("networkMode") == "none":
        return
    guards = [one for one in newt.all_needs() if is_firewall(one)]
    if not guards:
        beside = [one.name for one in resources if is_firewall(one)]
        yield Finding(
            resource=newt,
            property="dependsOn",
            value=f"not {beside[0]}" if beside else "no firewall of newt-tunnel",
            remedy="the firewall comes before newt: deploy newt by components/docker_tunnel.py, or "
            "let the container depend on an EgressFirewall",
        )
    elif not any(_guards(guard, newt) for guard in guards):
        yield Finding(
            resource=newt,
            property="networksAdvanced",
            value=_networks_text(newt),
            remedy=f"{guards[0].name} guards {_declared_text(guards[0])} and nothing else: put "
            "newt on that network alone, at that address",
        )


def is_firewall(resource: Resource) -> bool:
    """Our firewall as a command. What it says is not known when it is not yet rendered."""
    create, script = resource.at("create"), resource.at("stdin")
    return resource.type == COMMAND and (
        isinstance(create, str)
        and _APPLY.search(create) is not None
        and (script is UNKNOWN or (isinstance(script, str) and "newt-egress" in script))
    )


def _declared(firewall: Resource) -> dict[str, str]:
    script = firewall.at("stdin")
    return dict(_DECLARED.findall(script)) if isinstance(script, str) else {}


def _guards(firewall: Resource, newt: Resource) -> bool:
    """Whether newt is where the firewall expects it, as far as that is known."""
    networks = newt.at("networksAdvanced")
    if networks is UNKNOWN:
        return True
    declared = _declared(firewall)
    given = items(networks)
    return len(given) == 1 and all(
        value is UNKNOWN or expected is None or value == expected
        for value, expected in (
            (at(given[0], "name"), declared.get("network")),
            (at(given[0], "ipv4Address"), declared.get("newt")),
        )
    )


def _declared_text(firewall: Resource) -> str:
    declared = _declared(firewall)
    return f"{declared.get('newt', 'one address')} on network {declared.get('network', 'newt')}"


def _networks_text(newt: Resource) -> str:
    given = items(newt.at("networksAdvanced"))
    places = (f"{at(one, 'name')} ({at(one, 'ipv4Address') or 'any address'})" for one in given)
    return ", ".join(places) or "none"


# Kubernetes


def _unselected(newt: Resource, resources: list[Resource]) -> Iterator[Finding]:
    before = {one.urn for one in newt.all_needs()}
    policies = [one for one in resources if one.type == NETWORK_POLICY]
    for pods in pods_of(newt):
        cages = [one for one in policies if confines(one, pods)]
        where = _pods_text(pods)
        if not cages:
            yield Finding(
                resource=newt,
                property="dependsOn",
                value=f"no NetworkPolicy for {where}",
                remedy="nothing limits what newt reaches: deploy newt by "
                "components/kubernetes_tunnel.py, or add a policy with policyTypes [Egress] that "
                "selects these pods, and let newt depend on it",
            )
            continue
        if before.isdisjoint(cage.urn for cage in cages):
            yield Finding(
                resource=newt,
                property="dependsOn",
                value=f"not {cages[0].name}",
                remedy="a policy that comes beside newt or after it leaves newt free meanwhile: "
                f"add depends_on=[{cages[0].name}]",
            )
        # Policies add up: one that allows everything undoes all others.
        for cage in cages:
            for index, rule in enumerate(items(cage.at("spec", "egress"))):
                if allows_everything(rule):
                    yield Finding(
                        resource=cage,
                        property=f"spec.egress[{index}]",
                        value="no `to` and no `ports`",
                        remedy=f"allows everything to {where}: write what newt may reach",
                    )


def confines(policy: Resource, pods: Pods) -> bool:
    """Whether ``policy`` limits what ``pods`` may reach; what is not known counts as fitting."""
    types = policy.at("spec", "policyTypes")
    egress = policy.at("spec", "egress")
    limits = types is UNKNOWN or ("Egress" in items(types) if types else bool(egress))
    return (
        limits
        and _same(policy.at("metadata", "namespace"), pods.namespace)
        and _selects(policy.at("spec", "podSelector"), pods)
    )


def _same(one: Any, other: Any) -> bool:
    return UNKNOWN in (one, other) or (one or "default") == (other or "default")


def _selects(selector: Any, pods: Pods) -> bool:
    labels = mapping(at(selector, "matchLabels"))
    return all(_may_be(pods, key, (value,)) for key, value in labels.items()) and all(
        _meets(pods, expression) for expression in items(at(selector, "matchExpressions"))
    )


def _meets(pods: Pods, expression: Any) -> bool:
    key, operator = text(at(expression, "key")), at(expression, "operator")
    if key is None or operator not in _OPERATORS:
        return True
    there = key in pods.labels
    if operator == "In":
        return _may_be(pods, key, tuple(items(at(expression, "values"))))
    if operator == "NotIn":
        return not there or pods.labels[key] not in items(at(expression, "values"))
    return (there or not pods.all_labels) if operator == "Exists" else not there


def _may_be(pods: Pods, key: str, wanted: tuple[Any, ...]) -> bool:
    if key not in pods.labels:
        # A chart gives its pods more labels than are known here.
        return not pods.all_labels
    return pods.labels[key] is UNKNOWN or UNKNOWN in wanted or pods.labels[key] in wanted


def allows_everything(rule: Any) -> bool:
    return isinstance(rule, Mapping) and not rule.get("to") and not rule.get("ports")


def _pods_text(pods: Pods) -> str:
    labels = ",".join(f"{key}={value}" for key, value in sorted(pods.labels.items()))
    return f"{pods.namespace or 'default'}/{labels or '*'}"
