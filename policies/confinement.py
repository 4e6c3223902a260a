"""No newt without its cage: a firewall or a NetworkPolicy that confines it and is there first.

`First` is what the resource graph says: newt needs it, directly or by way of others. A cage without
that order leaves newt free while it is created or deleted.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies import charts, firewalls, network_policies
from policies.charts import is_release
from policies.firewalls import Condition, is_firewall
from policies.fit import Fit
from policies.kinds import CONTAINER, NETWORK_POLICY, NETWORK_POLICY_PATCH, SERVICE
from policies.newt_resources import PodShape, find_newts, pods_of
from policies.view import UNKNOWN, Resource, Violation, at

_THE_UPDATE = "is not known before the update, which judges it when newt is there already"


def unconfined(resources: list[Resource]) -> Iterator[Violation]:
    for newt in find_newts(resources):
        if newt.type == CONTAINER:
            yield from _unguarded(newt, resources)
        elif newt.type == SERVICE:
            yield Violation(
                resource=newt,
                property="taskSpec",
                value="a service of a swarm",
                remedy="it may run on every node, and a firewall guards one host: deploy newt as a "
                "container, by components/docker_tunnel.py",
            )
        else:
            yield from _unselected(newt, resources)
            yield from _opened_by_its_chart(newt)


def not_known(resources: list[Resource]) -> Iterator[Violation]:
    """Find values that decide whether newt is confined, and that a preview does not know."""
    for newt in find_newts(resources):
        for place in dict.fromkeys(_not_known(newt, resources)):
            yield Violation(resource=newt, property=place, value=None, remedy=_THE_UPDATE)


def _not_known(newt: Resource, resources: list[Resource]) -> Iterator[str]:
    if newt.type == CONTAINER:
        found = _best_guard(newt, resources)
        if found is not None and _fit(found[1]) is Fit.UNKNOWN:
            yield from (one.property for one in firewalls.unknown(found[1]))
    elif newt.type != SERVICE:
        policies = [one for one in resources if one.type == NETWORK_POLICY]
        for pods in pods_of(newt):
            fits = {one.name: network_policies.confines(one, pods) for one in policies}
            if max(fits.values(), default=Fit.NO) is Fit.UNKNOWN:
                yield from (
                    f"dependsOn: {name}" for name, fit in fits.items() if fit is Fit.UNKNOWN
                )
            for policy in policies:
                rules = map(network_policies.allows_everything, network_policies.rules(policy))
                opens = min(network_policies.may_open(policy, pods), max(rules, default=Fit.NO))
                if opens is Fit.UNKNOWN:
                    yield f"what {policy.name} allows"
    if is_release(newt):
        decisive = [
            ("values", charts.values(newt)),
            *charts.native(newt),
            *charts.own_policies(newt),
        ]
        yield from (place for place, value in decisive if value is UNKNOWN)
        # Files on the machine that runs the program, and a program that changes what is rendered.
        yield from (key for key in ("valueYamlFiles", "postrender", "postRenderer") if newt.at(key))


# Docker


def _unguarded(newt: Resource, resources: list[Resource]) -> Iterator[Violation]:
    if newt.at("networkMode") == "none" and newt.at("networksAdvanced") in (None, []):
        return
    best = _best_guard(newt, resources)
    if best is None:
        beside = [one.name for one in resources if is_firewall(one)]
        yield Violation(
            resource=newt,
            property="dependsOn",
            value=f"not {beside[0]}" if beside else "no firewall of newt-tunnel",
            remedy="the firewall comes before newt: deploy newt by components/docker_tunnel.py, or "
            "let the container depend on an EgressFirewall",
        )
        return
    for condition in best[1]:
        if condition.fit is Fit.NO:
            yield Violation(
                resource=newt,
                property=condition.property,
                value=condition.value,
                remedy=condition.remedy,
            )
            # The others often follow from it.
            return


def _best_guard(
    newt: Resource, resources: list[Resource]
) -> tuple[Resource, list[Condition]] | None:
    """The firewall before newt that fits best."""
    guards = [
        (one, firewalls.conditions(one, newt, resources))
        for one in newt.all_needs()
        if is_firewall(one)
    ]
    return max(guards, key=lambda guard: [one.fit for one in guard[1]], default=None)


def _fit(conditions: list[Condition]) -> Fit:
    return min(one.fit for one in conditions)


# Kubernetes


def _unselected(newt: Resource, resources: list[Resource]) -> Iterator[Violation]:
    before = {one.urn for one in newt.all_needs()}
    policies = [one for one in resources if one.type == NETWORK_POLICY]
    for pods in pods_of(newt):
        cages = [one for one in policies if network_policies.confines(one, pods) is not Fit.NO]
        if not cages:
            yield Violation(
                resource=newt,
                property="dependsOn",
                value=f"no NetworkPolicy for {network_policies.place_text(pods)}",
                remedy="nothing limits what newt reaches: deploy newt by "
                "components/kubernetes_tunnel.py, or add a policy with policyTypes [Egress] that "
                "selects these pods in their cluster and namespace, and let newt depend on it",
            )
            continue
        if before.isdisjoint(cage.urn for cage in cages):
            yield Violation(
                resource=newt,
                property="dependsOn",
                value=f"not {cages[0].name}",
                remedy="a policy that is not created before newt leaves newt free meanwhile: "
                f"add depends_on=[{cages[0].name}]",
            )
        yield from _opened(pods, policies, resources)


def _opened(
    pods: PodShape, policies: list[Resource], resources: list[Resource]
) -> Iterator[Violation]:
    """Policies add up: one that allows everything undoes all others."""
    where = network_policies.place_text(pods)
    for policy in policies:
        if network_policies.may_open(policy, pods) is not Fit.YES:
            continue
        for index, rule in enumerate(network_policies.rules(policy)):
            if network_policies.allows_everything(rule) is Fit.YES:
                yield Violation(
                    resource=policy,
                    property=f"spec.egress[{index}]",
                    value="no `to`" if at(rule, "ports") else "no `to` and no `ports`",
                    remedy=f"allows everything to {where}: write what newt may reach",
                )
    for patch in resources:
        if patch.type == NETWORK_POLICY_PATCH and network_policies.may_change(
            patch, policies, pods
        ):
            yield Violation(
                resource=patch,
                property="spec",
                value=patch.at("metadata", "name"),
                remedy=f"changes what {where} may reach, outside the policy itself: write it "
                "there, by egress in the stack file",
            )


def _opened_by_its_chart(newt: Resource) -> Iterator[Violation]:
    if not is_release(newt):
        return
    for place, value in charts.own_policies(newt):
        if charts.is_on(value):
            yield Violation(
                resource=newt,
                property=place,
                value=value,
                remedy="the chart's own policy adds to what newt may reach: turn it off, and list "
                "targets in egress",
            )
