"""Whether a NetworkPolicy concerns newt's pods: by cluster, namespace and labels."""

from __future__ import annotations

from typing import Any

from policies.fit import Fit, holds, opposite, same
from policies.newt_resources import PodShape, namespace_of
from policies.view import UNKNOWN, Resource, at, items, mapping, text

#: What makes two providers lead to one cluster, and whether they apply anything there.
_CLUSTER = ("kubeconfig", "context", "cluster", "renderYamlToDirectory")


def confines(policy: Resource, pods: PodShape) -> Fit:
    """Whether ``policy`` limits what ``pods`` may reach. A label that pods may have counts as one
    that they lack.
    """
    return min(_limits(policy), _in_place(policy, pods), _selects(policy, pods, doubt=Fit.NO))


def may_open(policy: Resource, pods: PodShape) -> Fit:
    """Whether the rules of ``policy`` add to what ``pods`` may reach. A label that pods may have
    counts as theirs.
    """
    return min(_limits(policy), _in_place(policy, pods), _selects(policy, pods, doubt=Fit.YES))


def may_change(patch: Resource, policies: list[Resource], pods: PodShape) -> bool:
    """Whether a NetworkPolicyPatch may open the cage of ``pods``: it changes one of their policies,
    or one that is not in the stack, by a rule that allows everything or no rule at all.
    """
    if patch.at("spec") is None or _in_place(patch, pods) is Fit.NO:
        return False
    name = patch.at("metadata", "name")
    here = [one for one in policies if _in_place(one, pods) is not Fit.NO]
    named = [one for one in here if same(one.at("metadata", "name"), name) is not Fit.NO]
    if named:
        return any(may_open(one, pods) is not Fit.NO for one in named)
    limits = _limits(patch) is not Fit.NO or patch.at("spec", "policyTypes") is None
    opens = any(allows_everything(rule) is not Fit.NO for rule in rules(patch))
    return (opens or not limits) and _selects(patch, pods, doubt=Fit.YES) is not Fit.NO


def allows_everything(rule: Any) -> Fit:
    """Whether a rule has no `to`, and no `ports` or all ports of a protocol."""
    to, ports = at(rule, "to"), at(rule, "ports")
    if UNKNOWN in (to, ports):
        return Fit.UNKNOWN
    all_ports = not ports or any(not at(one, "port") for one in items(ports))
    return holds(not to and all_ports)


def rules(policy: Resource) -> list[Any]:
    """The egress rules; one that is not known where a preview does not know them."""
    egress = policy.at("spec", "egress")
    return [UNKNOWN] if egress is UNKNOWN else items(egress)


def place_text(pods: PodShape) -> str:
    labels = ",".join(f"{key}={value}" for key, value in sorted(mapping(pods.labels).items()))
    return f"{pods.namespace or 'default'}/{labels or '*'}"


def _limits(policy: Resource) -> Fit:
    types, egress = policy.at("spec", "policyTypes"), policy.at("spec", "egress")
    if types is UNKNOWN:
        return Fit.UNKNOWN
    if types:
        return max((same(one, "Egress") for one in items(types)), default=Fit.NO)
    return Fit.UNKNOWN if egress is UNKNOWN else holds(egress)


def _in_place(policy: Resource, pods: PodShape) -> Fit:
    return min(
        _same_cluster(policy.provider, pods.cluster),
        _same_namespace(namespace_of(policy), pods.namespace),
    )


def _same_cluster(one: Resource | None, other: Resource | None) -> Fit:
    if one is None or other is None or one.urn == other.urn:
        return holds(one is other or None not in (one, other))
    return min(same(one.at(key), other.at(key)) for key in _CLUSTER)


def _same_namespace(one: Any, other: Any) -> Fit:
    names = (one, other)
    if None in names and "default" in names:
        # The kubeconfig may name another.
        return Fit.UNKNOWN
    return same(one, other)


def _selects(policy: Resource, pods: PodShape, *, doubt: Fit) -> Fit:
    selector = policy.at("spec", "podSelector")
    labels, expressions = at(selector, "matchLabels"), at(selector, "matchExpressions")
    if UNKNOWN in (selector, labels, expressions):
        return Fit.UNKNOWN
    fits = [_has(pods, key, [value], doubt) for key, value in mapping(labels).items()]
    fits += [_meets(pods, expression, doubt) for expression in items(expressions)]
    return min(fits, default=Fit.YES)


def _meets(pods: PodShape, expression: Any, doubt: Fit) -> Fit:
    key, operator = at(expression, "key"), at(expression, "operator")
    values = at(expression, "values")
    if UNKNOWN in (key, operator, values):
        return Fit.UNKNOWN
    name = text(key) or ""
    if operator == "In":
        return _has(pods, name, items(values), doubt)
    if operator == "Exists":
        return _has(pods, name, None, doubt)
    # If in doubt, the answer is the opposite of what is asked.
    against = opposite(doubt)
    if operator == "NotIn":
        return opposite(_has(pods, name, items(values), against))
    if operator == "DoesNotExist":
        return opposite(_has(pods, name, None, against))
    return doubt


def _has(pods: PodShape, key: str, wanted: list[Any] | None, doubt: Fit) -> Fit:
    """Whether the pods have the label, with one of the ``wanted`` values if there are such."""
    if pods.labels is UNKNOWN:
        return Fit.UNKNOWN
    if key not in pods.labels:
        return Fit.NO if pods.all_labels else doubt
    if wanted is None:
        return Fit.YES
    return max((same(pods.labels[key], one) for one in wanted), default=Fit.NO)
