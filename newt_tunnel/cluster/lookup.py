"""From settings and what was read of the cluster to the policy, and everything there is to say.

Pure: a snapshot and the answers for host names come in. No rule is ever guessed: where something is
wrong there is an error, and no policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from newt_tunnel.cluster import canary, dns
from newt_tunnel.cluster.blocks import objections, published_here, widened
from newt_tunnel.cluster.entry_result import MUST_NOT_REACH, Entry, Found, listed
from newt_tunnel.cluster.findings import Finding, Level, error, info, warning
from newt_tunnel.cluster.limits import plan_too_long
from newt_tunnel.cluster.name_resolution import MAX_ADDRESSES, Answers, Forbidden, Guard
from newt_tunnel.cluster.nodes import left_open
from newt_tunnel.cluster.pods import check_pods
from newt_tunnel.cluster.services import follow_service
from newt_tunnel.cluster.snapshot import Snapshot
from newt_tunnel.egress import cluster_proof
from newt_tunnel.egress.cluster_proof import Contact, Dialled
from newt_tunnel.egress.model import (
    Address,
    HostName,
    Network,
    Pods,
    Policy,
    Rule,
    WideBlock,
)
from newt_tunnel.egress.proof import Probe
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.pangolin import Endpoint
from newt_tunnel.settings.policy import (
    contradictions,
    default_services,
    destinations_of,
    resolved_endpoint,
    server_rules,
)
from newt_tunnel.settings.stack import KubernetesSettings


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """``policy`` and ``gate_canary`` are None where an error stands in the way, or where the
    cluster could not be read.
    """

    policy: Policy | None
    findings: tuple[Finding, ...]
    gate_canary: Contact | None = None
    #: The plan of the proof.
    probes: tuple[Probe, ...] = ()
    #: Host names and the addresses that went into the policy.
    resolved: Mapping[HostName, tuple[Address, ...]] = field(default_factory=dict)
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


def entries_of(settings: KubernetesSettings) -> tuple[Entry, ...]:
    return tuple(
        Entry(target.key(f"{key}[{index}]"), target)
        for key, targets in (
            ("egress", settings.egress),
            (MUST_NOT_REACH, settings.must_not_reach),
        )
        for index, target in enumerate(targets)
    )


def host_names(settings: KubernetesSettings) -> tuple[HostName, ...]:
    """Every name that must be resolved before there is a policy."""
    names = {e.target.meaning for e in entries_of(settings) if isinstance(e.target.meaning, str)}
    endpoint = resolved_endpoint(settings.pangolin)
    return tuple(sorted({*names, *(() if endpoint is None else (endpoint,))}))


def look_up(settings: KubernetesSettings, snapshot: Snapshot, answers: Answers) -> Lookup:
    """Follow every entry to what a policy can say."""
    return _LookUp(settings, snapshot, answers).result()


class _LookUp:
    """One look-up: what has been found so far, and by what it is judged."""

    def __init__(self, settings: KubernetesSettings, snapshot: Snapshot, answers: Answers) -> None:
        self._settings = settings
        self._snapshot = snapshot
        self._answers = answers
        self._findings: list[Finding] = []
        self._dialled: list[Dialled] = []
        self._resolved: dict[HostName, tuple[Address, ...]] = {}
        self._guard = Guard(resolvers=settings.dns.resolvers, forbidden=(), snapshot=snapshot)

    def result(self) -> Lookup:
        entries = entries_of(self._settings)
        kubernetes = self._settings.kubernetes
        # Forbidden ones first: their addresses are what no name may resolve to.
        forbidden = self._entry_rules(entry for entry in entries if not entry.is_allowed)
        written = {entry.target.name: entry.target.meaning for entry in entries}
        self._guard = Guard(
            resolvers=self._settings.dns.resolvers,
            forbidden=tuple(
                Forbidden(
                    entry=rule.name,
                    block=rule.destination,
                    host=meaning if isinstance(meaning := written[rule.name], str) else None,
                )
                for rule in forbidden
                if isinstance(rule.destination, IPv4Network | IPv6Network)
            ),
            snapshot=self._snapshot,
        )
        allowed = (
            *self._taken(dns.follow(self._settings.dns, kubernetes.cluster_dns, self._snapshot)),
            *self._server(),
            *self._entry_rules(entry for entry in entries if entry.is_allowed),
        )
        self._findings += _overlaps(allowed, forbidden)
        policy = None
        gate_canary = None
        probes: tuple[Probe, ...] = ()
        if not self._has_errors:
            policy = Policy(
                allowed=allowed,
                forbidden=tuple(forbidden),
                resolvers=self._settings.dns.resolvers,
                endpoint=None,
            )
            gate_canary, findings = canary.choose(
                kubernetes.gate_canary, kubernetes.cluster_dns, policy, self._snapshot
            )
            self._findings += findings
            self._findings += canary.untried(kubernetes.gate_canary, self._settings.proof)
            probes = cluster_proof.plan(
                policy,
                self._dialled,
                api=self._snapshot.api_service,
                nodes=self._snapshot.node_addresses,
            )
            self._findings += plan_too_long(probes, self._settings.proof)
        if policy is None or self._has_errors:
            return Lookup(policy=None, findings=tuple(self._findings), snapshot=self._snapshot)
        return Lookup(
            policy=policy,
            findings=tuple(self._findings),
            gate_canary=gate_canary,
            probes=probes,
            resolved=self._resolved,
            snapshot=self._snapshot,
        )

    @property
    def _has_errors(self) -> bool:
        return any(finding.level is Level.ERROR for finding in self._findings)

    # entries

    def _entry_rules(self, entries: Iterable[Entry]) -> list[Rule]:
        rules: list[Rule] = []
        for entry in entries:
            rules += self._taken(self._follow(entry))
        return rules

    def _taken(self, found: Found) -> tuple[Rule, ...]:
        self._dialled += found.dialled
        self._findings += found.findings
        return found.rules

    def _follow(self, entry: Entry) -> Found:
        meaning = entry.target.meaning
        if isinstance(meaning, ServiceRef):
            return follow_service(entry, meaning, self._snapshot)
        if isinstance(meaning, Pods):
            return check_pods(entry, meaning, self._snapshot)
        if isinstance(meaning, str):
            addresses = self._addresses(
                f"{entry.key}.host", meaning, is_allowed=entry.is_allowed, is_endpoint=False
            )
            ports = entry.target.port.ranges
            rules = tuple(entry.rule(ip_network(one), ports) for one in addresses)
            hints = (published_here(f"{entry.key}.host", rule, self._snapshot) for rule in rules)
            return Found(
                rules=rules,
                findings=tuple(one for found in hints for one in found if entry.is_allowed),
            )
        return self._block(entry, meaning)

    def _block(self, entry: Entry, block: Network) -> Found:
        destination = widened(block, self._snapshot) if entry.target.wide else block
        rule = entry.rule(destination, entry.target.port.ranges)
        if not entry.is_allowed:
            return Found(rules=(rule,))
        part = "host" if entry.target.cidr is None else "cidr"
        key = f"{entry.key}.{part}"
        findings = [
            *objections(key, rule, self._snapshot),
            *published_here(key, rule, self._snapshot),
        ]
        if entry.target.wide:
            holes = listed(destination.excluded) if not isinstance(destination, Network) else ""
            findings.append(info(f"{entry.key}.cidr", f"{block} without {holes or 'anything'}"))
        if isinstance(destination, WideBlock):
            findings += left_open(f"{entry.key}.cidr", destination, self._snapshot)
        return Found(rules=(rule,), findings=tuple(findings))

    # names

    def _addresses(
        self, key: str, name: HostName, *, is_allowed: bool, is_endpoint: bool
    ) -> tuple[Address, ...]:
        answers = self._answers.get(name, ())
        usable = tuple(a for a in answers if a.version == 4 or self._snapshot.has_ipv6)
        if not is_allowed:
            if not usable:
                self._findings.append(
                    warning(key, f"{name} does not resolve here; the proof cannot try it")
                )
            return usable
        wrong: list[str] = []
        if not answers:
            wrong.append(
                f"{name} does not resolve on this machine; correct the name, or write its address"
            )
        elif not usable:
            wrong.append(f"{name} has IPv6 addresses only, and pods here have none of those")
        elif len(usable) > MAX_ADDRESSES:
            instead = "pangolin.addresses" if is_endpoint else "entries of their own"
            wrong.append(
                f"{name} resolves to {len(usable)} addresses, and a name may have "
                f"{MAX_ADDRESSES}; write those that are meant as {instead}"
            )
        else:
            for address in usable:
                objection = self._guard.objection(name, address, is_endpoint=is_endpoint)
                if objection:
                    wrong.append(f"{name} resolves to {address}, which {objection}; refused")
        self._findings += [error(key, text) for text in wrong]
        if wrong:
            return ()
        self._resolved[name] = usable
        self._findings += [info(key, f"resolved {name} -> {address}") for address in usable]
        return usable

    # what newt itself needs

    def _server(self) -> tuple[Rule, ...]:
        pangolin = self._settings.pangolin
        endpoint: Endpoint = pangolin.endpoint
        addresses = pangolin.addresses
        key = "pangolin.addresses" if addresses else "pangolin.endpoint"
        if name := resolved_endpoint(pangolin):
            addresses = self._addresses(key, name, is_allowed=True, is_endpoint=True)
            if not addresses:
                return ()
        services = pangolin.ports or default_services(endpoint, clients=self._settings.newt.clients)
        rules = tuple(server_rules(destinations_of(endpoint.host, addresses), services))
        for rule in rules:
            self._findings += objections(key, rule, self._snapshot)
        # One address has several rules, and one objection is enough.
        self._findings = list(dict.fromkeys(self._findings))
        return rules


def _overlaps(allowed: tuple[Rule, ...], forbidden: Iterable[Rule]) -> Iterator[Finding]:
    for problem in contradictions(allowed, forbidden):
        yield error(problem.key, f"{problem.value}: {problem.remedy}")
