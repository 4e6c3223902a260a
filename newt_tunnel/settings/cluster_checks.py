"""What must hold between the sections of a stack in a cluster alone.

Leaves out what only the cluster knows: which pods are behind a Service, and so most contradictions
between entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from newt_tunnel.findings import MISSING, Finding
from newt_tunnel.settings import secrets
from newt_tunnel.settings.facts import Facts, is_written
from newt_tunnel.settings.targets import Target


def own_namespace(found: Facts) -> Iterator[Finding]:
    """Check that no target is in newt's own namespace, which the policies close."""
    for key, target in found.egress:
        if not isinstance(target, Target):
            continue
        part = "service" if target.service is not None else "namespace"
        where = target.service.namespace if target.service is not None else target.namespace
        if where is not None and where == found.namespace:
            yield Finding(
                f"{key}.{part}",
                str(getattr(target, part)),
                "is in newt's own namespace, where nothing can be reached; move the target, or "
                "write another kubernetes.namespace",
            )


def endpoint_without_dns(found: Facts) -> Iterator[Finding]:
    """Check that newt can resolve the endpoint: the chart gives its pod no hosts file."""
    if found.dns is None or not found.dns.is_none or found.endpoint is None:
        return
    if isinstance(found.endpoint.host, str):
        yield Finding(
            "pangolin.endpoint",
            str(found.endpoint),
            "is a name, and with dns: none newt's pod cannot look it up; write dns: cluster, or "
            "the server's address in the URL",
        )


def services(found: Facts) -> Iterator[Finding]:
    """Check that no port of a Service is listed twice."""
    first: dict[tuple[object, ...], tuple[str, Target]] = {}
    for key, target in found.entries:
        if not isinstance(target, Target) or target.service is None:
            continue
        for port in (*target.ranges, *target.port_names):
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
            yield Finding(key, what, remedy)
            break


def beside_secrets(kubernetes: object, given: Set[str]) -> Iterator[Finding]:
    """Check what depends on which secrets are set."""
    if secrets.KUBECONFIG not in given and not is_written(kubernetes, "context"):
        yield Finding(
            "kubernetes.context",
            MISSING,
            "write which cluster is meant (kubectl config get-contexts lists them), or run: "
            f"pulumi config set --secret {secrets.KUBECONFIG} < FILE",
        )
    if secrets.NEWT_SECRET not in given:
        yield secrets.missing(secrets.NEWT_SECRET)
