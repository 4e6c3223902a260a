"""The look-up as a whole: read the cluster, resolve names, follow every entry."""

from __future__ import annotations

from newt_tunnel.cluster.lookup.entry import entries_of
from newt_tunnel.cluster.lookup.look_up import Lookup, host_names, look_up
from newt_tunnel.cluster.reading import name_resolution, reader
from newt_tunnel.cluster.reading.client import ClusterError
from newt_tunnel.egress.model import Pods
from newt_tunnel.findings import Finding, error, warning
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.stack import KubernetesSettings


def survey(settings: KubernetesSettings, kubeconfig: str | None) -> Lookup:
    """Raises ``ClusterError`` when the cluster cannot be read."""
    snapshot = reader.read(settings, kubeconfig)
    return look_up(settings, snapshot, name_resolution.resolve(host_names(settings)))


def unread(settings: KubernetesSettings, why: ClusterError) -> Finding:
    """Return the error for an update, which needs the cluster. ``why`` names it already."""
    return error(_key(settings), str(why))


def _key(settings: KubernetesSettings) -> str:
    return "kubernetes.context" if settings.kubernetes.context else "kubeconfig"


def unresolved(settings: KubernetesSettings, why: ClusterError) -> Lookup:
    """Return the result for a preview without a cluster: no rule, and what was not looked up."""
    findings = [warning(_key(settings), str(why))]
    if settings.dns.cluster:
        findings.append(warning("dns", "not resolved: the cluster's DNS pods"))
    findings += [
        warning(entry.key, f"not resolved: {entry.target.name} ({entry.target.meaning})")
        for entry in entries_of(settings)
        if isinstance(entry.target.meaning, ServiceRef | Pods | str)
    ]
    return Lookup(policy=None, findings=tuple(findings))
