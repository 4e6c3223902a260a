"""The look at the cluster before anything is declared: the targets behind the names of the stack
file, and differences from the last update.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pulumi

from components.chart_values import INSTANCE, INSTANCE_LABELS, POD_LABELS, RELEASE
from components.egress_policy import DENIED, DENY, POLICY, RESTRICTED
from components.newt_release import CLAIM
from components.repair import Repair
from components.stack_state import last_update
from newt_tunnel import cluster
from newt_tunnel.cluster import NAMESPACE, NETWORK_POLICY, Difference, Expected, Lookup, Owned
from newt_tunnel.egress import network_policy
from newt_tunnel.egress.rules import Policy
from newt_tunnel.findings import Finding, Level
from newt_tunnel.settings.load import kubeconfig
from newt_tunnel.settings.stack import KubernetesSettings, Proof


@dataclass(frozen=True, kw_only=True)
class Look:
    lookup: Lookup
    #: Spec of the namespace-wide deny.
    denied: Any
    repair: Repair


def look(name: str, settings: KubernetesSettings, owner: str, resource: pulumi.Resource) -> Look:
    """Look, and report the findings. A preview works without a cluster; an update does not."""
    try:
        lookup = cluster.survey(settings, kubeconfig())
    except cluster.ClusterError as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(str(cluster.unread(settings, error))) from None
        lookup = cluster.unresolved(settings, error)
    findings = list(lookup.findings)
    differences: tuple[Difference, ...] = ()
    generation = secret_generation = claim_generation = None
    denied = DENIED
    if (snapshot := lookup.snapshot) is not None:
        denied = cluster.deny_as_there(snapshot, DENY)
        own = {DENY: denied, POLICY: rendered(lookup.policy)}
        state = last_update(settings.kubernetes.namespace)
        expected = _expected(name, settings, owner, own, is_proved=state.is_proved)
        digest = cluster.deployed_digest(snapshot, state.digest, INSTANCE_LABELS)
        findings += cluster.existing_objects(
            snapshot,
            expected.namespace,
            [
                Owned(
                    kind=NAMESPACE,
                    name=settings.kubernetes.control_namespace,
                    resource=f"{name}-proof-control",
                ),
                Owned(kind=NAMESPACE, name=expected.namespace, resource=f"{name}-egress-namespace"),
                Owned(kind=NETWORK_POLICY, name=POLICY, resource=f"{name}-egress-policy"),
                Owned(kind=NETWORK_POLICY, name=DENY, resource=f"{name}-egress-deny"),
            ],
            owner,
            is_deployed=digest is not None,
        )
        if lookup.policy is not None:
            annotations = network_policy.annotations_of(lookup.policy, INSTANCE)
            findings += cluster.policy_too_large(own[POLICY], annotations)
        findings += cluster.foreign_access(snapshot, POD_LABELS, own)
        if digest is None:
            findings += cluster.changed_by_hand(snapshot, own)
        elif lookup.policy is not None:
            differences = cluster.differences(snapshot, expected, digest)
        findings += [one.finding for one in differences]
        generation = cluster.generation(snapshot, expected, differences, datetime.now(UTC))
        secret_generation = cluster.own_generation(snapshot.installed.secrets, expected.secret)
        claim_generation = cluster.own_generation(snapshot.installed.claims, CLAIM)
        if any(one.name == DENY and not one.is_missing for one in differences):
            denied = network_policy.deny_in_words()
    _report(findings, resource)
    replaced = frozenset(
        one.name
        for one in differences
        # What another client wrote into the policy outlives an apply. While the policy is
        # replaced the deny shuts newt, so it is never replaced as long as it is there.
        if one.is_repaired and (one.is_missing or one.name == POLICY)
    )
    return Look(
        lookup=lookup,
        denied=denied,
        repair=Repair(
            known=lookup.policy is not None,
            generation=generation,
            secret_generation=generation if secret_name(name) in replaced else secret_generation,
            claim_generation=generation if CLAIM in replaced else claim_generation,
            replaced=replaced,
        ),
    )


def secret_name(name: str) -> str:
    """Return the prefix of the Secret's name in the tunnel ``name``; Pulumi appends a suffix."""
    return f"{name}-newt-credentials"


def rendered(policy: Policy | None) -> Any:
    return network_policy.newt_policy(policy, INSTANCE) if policy else DENIED


def _expected(
    name: str,
    settings: KubernetesSettings,
    owner: str,
    policies: dict[str, Any],
    *,
    is_proved: bool,
) -> Expected:
    kubernetes = settings.kubernetes
    has_control = is_proved and settings.proof is not Proof.OFF
    return Expected(
        owner=owner,
        namespace=kubernetes.namespace,
        control_namespace=kubernetes.control_namespace if has_control else None,
        namespace_labels=RESTRICTED,
        policies=policies,
        newts_policy=POLICY,
        pod_labels=INSTANCE_LABELS,
        secret=secret_name(name),
        claim=CLAIM if kubernetes.storage.enabled else None,
        job=f"{name}-proof-proving" if has_control else None,
        release=RELEASE,
    )


def _report(findings: list[Finding], resource: pulumi.Resource) -> None:
    errors = [str(finding) for finding in findings if finding.level is Level.ERROR]
    if errors:
        raise pulumi.RunError("\n".join(errors))
    is_preview = pulumi.runtime.is_dry_run()
    log = {
        Level.INFO: pulumi.log.info,
        Level.WARNING: pulumi.log.warn,
        # A preview shows the danger; the update that follows removes it.
        Level.DRIFT: pulumi.log.error if is_preview else pulumi.log.warn,
    }
    for finding in findings:
        log[finding.level](str(finding), resource=resource)
