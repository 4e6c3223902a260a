"""Turns settings and a snapshot of the cluster into the policy and findings.

Pure: takes a snapshot and the answers for host names. No rule is ever guessed: with an error there
is no policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from newt_tunnel.cluster.lookup import canary, dns
from newt_tunnel.cluster.lookup.entry import Followed, KeyedTarget, entries_of
from newt_tunnel.cluster.lookup.host_names import HostNames, follow_host, forbidden_addresses
from newt_tunnel.cluster.lookup.limits import plan_too_long
from newt_tunnel.cluster.lookup.outside import follow_block
from newt_tunnel.cluster.lookup.pods import follow_pods
from newt_tunnel.cluster.lookup.server import follow_server
from newt_tunnel.cluster.lookup.services import follow_service
from newt_tunnel.cluster.reading.name_resolution import Answers
from newt_tunnel.cluster.reading.snapshot import Snapshot
from newt_tunnel.egress import cluster_proof
from newt_tunnel.egress.cluster_proof import Contact
from newt_tunnel.egress.model import HostName, Pods
from newt_tunnel.egress.proof_plan import Probe
from newt_tunnel.egress.rules import Policy
from newt_tunnel.findings import Finding, Level
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.policy import contradictions
from newt_tunnel.settings.servers import servers_of
from newt_tunnel.settings.stack import KubernetesSettings


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """``policy`` and ``gate_canary`` are None where there is an error, or where the
    cluster could not be read.
    """

    policy: Policy | None
    findings: tuple[Finding, ...]
    gate_canary: Contact | None = None
    #: The plan of the proof.
    probes: tuple[Probe, ...] = ()
    snapshot: Snapshot | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        return self._of(Level.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return self._of(Level.WARNING)

    @property
    def infos(self) -> tuple[Finding, ...]:
        return self._of(Level.INFO)

    def _of(self, level: Level) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level is level)


def host_names(settings: KubernetesSettings) -> tuple[HostName, ...]:
    """Return every name that must be resolved for the policy."""
    names = {e.target.meaning for e in entries_of(settings) if isinstance(e.target.meaning, str)}
    return tuple(sorted({*names, *(name for _, name in servers_of(settings).names)}))


def look_up(settings: KubernetesSettings, snapshot: Snapshot, answers: Answers) -> Lookup:
    """Follow every entry to rules of a policy."""
    kubernetes, resolvers = settings.kubernetes, settings.dns.resolvers
    entries = entries_of(settings)
    names = HostNames(answers=answers, snapshot=snapshot, resolvers=resolvers)
    # Forbidden entries first, because no name may resolve to their addresses.
    forbidden = _together(_follow(one, names) for one in entries if not one.is_allowed)
    names = replace(names, forbidden=forbidden_addresses(entries, forbidden.rules))
    allowed = _together(
        (
            dns.follow(settings.dns, kubernetes.cluster_dns, snapshot),
            follow_server(settings, names),
            *(_follow(one, names) for one in entries if one.is_allowed),
        )
    )
    findings = [
        *forbidden.findings,
        *allowed.findings,
        *contradictions(allowed.rules, forbidden.rules),
    ]
    if _has_errors(findings):
        return Lookup(policy=None, findings=tuple(findings), snapshot=snapshot)
    policy = Policy(
        allowed=allowed.rules, forbidden=forbidden.rules, resolvers=resolvers, server_names=()
    )
    gate_canary, about_canary = canary.choose(
        kubernetes.gate_canary, kubernetes.cluster_dns, policy, snapshot
    )
    probes = cluster_proof.plan(
        policy,
        (*forbidden.dialled, *allowed.dialled),
        api=snapshot.api_service,
        nodes=snapshot.node_addresses,
    )
    findings += about_canary
    findings += canary.untried(kubernetes.gate_canary, settings.proof)
    findings += plan_too_long(probes, settings.proof)
    if _has_errors(findings):
        return Lookup(policy=None, findings=tuple(findings), snapshot=snapshot)
    return Lookup(
        policy=policy,
        findings=tuple(findings),
        gate_canary=gate_canary,
        probes=probes,
        snapshot=snapshot,
    )


def _follow(entry: KeyedTarget, names: HostNames) -> Followed:
    meaning = entry.target.meaning
    if isinstance(meaning, ServiceRef):
        return follow_service(entry, meaning, names.snapshot)
    if isinstance(meaning, Pods):
        return follow_pods(entry, meaning, names.snapshot)
    if isinstance(meaning, str):
        return follow_host(entry, meaning, names)
    return follow_block(entry, meaning, names.snapshot)


def _together(followed: Iterable[Followed]) -> Followed:
    every = tuple(followed)
    return Followed(
        rules=tuple(rule for one in every for rule in one.rules),
        dialled=tuple(dialled for one in every for dialled in one.dialled),
        findings=tuple(finding for one in every for finding in one.findings),
    )


def _has_errors(findings: Iterable[Finding]) -> bool:
    return any(finding.level is Level.ERROR for finding in findings)
