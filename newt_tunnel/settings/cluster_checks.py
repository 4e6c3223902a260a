"""What must hold between different sections of the stack file of a cluster.

Like ``checks``, and by its means. Leaves out what only the cluster can tell: which pods are behind
a Service, and so most contradictions between entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from newt_tunnel.egress.model import Address
from newt_tunnel.egress.rules import Rule
from newt_tunnel.settings import secrets
from newt_tunnel.settings.checks import (
    duplicates,
    endpoint_addresses,
    is_written,
    names,
    names_without_dns,
    overlaps,
    services,
    valid,
    valid_entries,
)
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.dns import Dns
from newt_tunnel.settings.errors import MISSING, Problem
from newt_tunnel.settings.kubernetes import Kubernetes
from newt_tunnel.settings.pangolin import ClusterPangolin, Endpoint
from newt_tunnel.settings.policy import destinations_of, dns_rules, server_rules, target_rule
from newt_tunnel.settings.stack import KubernetesSettings
from newt_tunnel.settings.targets import Target

#: An entry with the key it stands under: ``egress[2]``.
Keyed = tuple[str, Target]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The valid part of a stack file. None: missing without a default, or invalid."""

    dns: Dns | None
    endpoint: Endpoint | None
    #: None also where nothing is written; ``addresses_written`` tells.
    addresses: tuple[Address, ...] | None
    addresses_written: bool
    server_rules: tuple[Rule, ...]
    namespace: str | None
    egress: tuple[Keyed, ...]
    must_not_reach: tuple[Keyed, ...]

    @property
    def entries(self) -> tuple[Keyed, ...]:
        return (*self.egress, *self.must_not_reach)


def facts(raw: Mapping[str, object]) -> Facts:
    """Judge each field that the checks need by itself."""
    pangolin, kubernetes = raw.get("pangolin"), raw.get("kubernetes", {})
    endpoint: Endpoint | None = valid(ClusterPangolin, "endpoint", pangolin)
    addresses: tuple[Address, ...] | None = valid(ClusterPangolin, "addresses", pangolin)
    addresses_written = is_written(pangolin, "addresses")
    known = addresses is not None or (endpoint is not None and not addresses_written)
    server = destinations_of(endpoint.host if endpoint else None, addresses) if known else ()
    return Facts(
        dns=valid(KubernetesSettings, "dns", raw),
        endpoint=endpoint,
        addresses=addresses,
        addresses_written=addresses_written,
        server_rules=tuple(server_rules(server, services(ClusterPangolin, raw) or ())),
        namespace=valid(Kubernetes, "namespace", kubernetes),
        egress=valid_entries(Target, "egress", raw),
        must_not_reach=valid_entries(Target, "mustNotReach", raw),
    )


def check(found: Facts) -> Iterator[Problem]:
    """Every contradiction between sections, each once."""
    allowed = (
        *(dns_rules(found.dns) if found.dns else ()),
        *found.server_rules,
        *_rules(found.egress),
    )
    yield from names((key, target.name) for key, target in found.entries)
    yield from endpoint_addresses(found)
    yield from names_without_dns(
        found.dns, ((key, target.meaning) for key, target in found.entries), "its address"
    )
    yield from _own_namespace(found)
    yield from _endpoint_without_dns(found)
    yield from duplicates(allowed)
    yield from overlaps(allowed, _rules(found.must_not_reach))
    yield from _services(found)


def _rules(entries: tuple[Keyed, ...]) -> list[Rule]:
    """Of the entries that need no look-up."""
    return [
        target_rule(key, target, target.meaning)
        for key, target in entries
        if not isinstance(target.meaning, ServiceRef)
    ]


def _own_namespace(found: Facts) -> Iterator[Problem]:
    for key, target in found.egress:
        part = "service" if target.service is not None else "namespace"
        where = target.service.namespace if target.service is not None else target.namespace
        if where is not None and where == found.namespace:
            yield Problem(
                f"{key}.{part}",
                str(getattr(target, part)),
                "is in newt's own namespace, where nothing can be reached; move the target, or "
                "write another kubernetes.namespace",
            )


def _endpoint_without_dns(found: Facts) -> Iterator[Problem]:
    """The chart gives newt's pod no hosts file of its own."""
    if found.dns is None or not found.dns.is_none or found.endpoint is None:
        return
    if isinstance(found.endpoint.host, str):
        yield Problem(
            "pangolin.endpoint",
            str(found.endpoint),
            "is a name, and with dns: none newt's pod cannot look it up; write dns: cluster, or "
            "the server's address in the URL",
        )


def _services(found: Facts) -> Iterator[Problem]:
    """The same port of the same Service, twice."""
    first: dict[tuple[object, ...], tuple[str, Target]] = {}
    for key, target in found.entries:
        for port in (*target.port.ranges, *target.port.names):
            if target.service is None:
                break
            known, other = first.setdefault((target.service, target.protocol, port), (key, target))
            if other is target:
                continue
            what = f"{target.name}, {target.service} {port}/{target.protocol.value}"
            if key.startswith("egress") or known.startswith("mustNotReach"):
                remedy = f"repeats {known} ({other.name}); remove one of the two"
            else:
                remedy = (
                    f"overlaps with {known} ({other.name}), which newt may reach; remove one of "
                    "the two"
                )
            yield Problem(key, what, remedy)
            break


def beside_secrets(kubernetes: object, given: Set[str]) -> Iterator[Problem]:
    """What depends on which secrets there are."""
    if secrets.KUBECONFIG not in given and not is_written(kubernetes, "context"):
        yield Problem(
            "kubernetes.context",
            MISSING,
            "write which cluster is meant (kubectl config get-contexts lists them), or run: "
            f"pulumi config set --secret {secrets.KUBECONFIG} < FILE",
        )
    if secrets.NEWT_SECRET not in given:
        yield secrets.missing(secrets.NEWT_SECRET)
