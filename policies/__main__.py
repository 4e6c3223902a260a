"""Registers the rules with Pulumi's SDK for policy packs.

Run by `pulumi preview --policy-pack policies`, and by `pulumi up` in the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

try:
    from pulumi_policy import (
        EnforcementLevel,
        Policy,
        PolicyPack,
        PolicyProviderResource,
        PolicyResource,
        ReportViolation,
        ResourceValidationArgs,
        ResourceValidationPolicy,
        StackValidationArgs,
        StackValidationPolicy,
    )
    from pulumi_policy.proxy import UnknownValueError
except ModuleNotFoundError as error:
    raise SystemExit(
        f"policies: the package {error.name} is not installed in the program's virtual "
        "environment; in the folder above run: "
        ".venv/bin/pip install -r policies/requirements.txt"
    ) from None

# The repository replaces this folder, so that `policies` is the same package as in tests.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from policies.rules import RULES, ResourceRule, RuleLevel, StackRule  # noqa: E402
from policies.view import UNKNOWN, Resource  # noqa: E402

_LEVELS = {
    RuleLevel.MANDATORY: EnforcementLevel.MANDATORY,
    RuleLevel.ADVISORY: EnforcementLevel.ADVISORY,
}


def plain(value: Any) -> Any:
    """Return a property as plain data. The SDK's own view raises at the first unknown value, and
    the rest of the resource would not be judged.
    """
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def of_resource(args: ResourceValidationArgs) -> Resource:
    return Resource(
        type=args.resource_type, name=args.name, urn=args.urn, properties=plain(args.props)
    )


def of_stack(resources: Sequence[PolicyResource]) -> list[Resource]:
    """Return the resources of a stack, with the dependencies between them."""
    views = {
        one.urn: Resource(
            type=one.resource_type, name=one.name, urn=one.urn, properties=plain(one.props)
        )
        for one in resources
    }
    for one in resources:
        needed = {other.urn for other in one.dependencies}
        if one.provider is not None:
            needed.add(one.provider.urn)
        views[one.urn].tie(
            parent=None if one.parent is None else views.get(one.parent.urn),
            needs=[views[urn] for urn in sorted(needed & views.keys())],
            provider=None if one.provider is None else _provider(one.provider, views),
        )
    return list(views.values())


def _provider(one: PolicyProviderResource, views: Mapping[str, Resource]) -> Resource:
    return views.get(one.urn) or Resource(
        type=one.resource_type, name=one.name, urn=one.urn, properties=plain(one.props)
    )


def _of_resource(rule: ResourceRule) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for finding in rule.check(of_resource(args)):
            report(str(finding), None)

    return ResourceValidationPolicy(
        rule.name, rule.description, validate, enforcement_level=_LEVELS[rule.level]
    )


def _of_stack(rule: StackRule) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for finding in rule.check(of_stack(args.resources)):
            report(str(finding), finding.resource.urn)

    return StackValidationPolicy(
        rule.name, rule.description, validate, enforcement_level=_LEVELS[rule.level]
    )


PolicyPack(
    "newt-tunnel",
    [_of_resource(rule) if isinstance(rule, ResourceRule) else _of_stack(rule) for rule in RULES],
)
