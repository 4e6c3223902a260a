"""How often each entry of a cluster's stack file was used, by the connections that were allowed.

Judges by the stack file alone: only the cluster knows a Service's pods, and only a resolver a
name's addresses. A connection that may belong to such an entry is reported as such.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from newt_tunnel.egress.model import DNS_PORT, DNS_RULE, PANGOLIN_RULE, Pods
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.servers import servers_of
from newt_tunnel.settings.stack import KubernetesSettings
from newt_tunnel.tools.suggest.attempts import Attempt
from newt_tunnel.tools.suggest.cluster import means
from newt_tunnel.tools.suggest.entries import ago

_NONE = """\
# How often an entry was used is not in these flows; observe them with --type policy-verdict."""
_SOME = "# Connections that were allowed, as far as the flows show:"


def lines(settings: KubernetesSettings, allowed: Iterable[Attempt]) -> Iterator[str]:
    """Yield comments: every entry with its connections, and connections without an entry."""
    of_entry: defaultdict[str, list[Attempt]] = defaultdict(list)
    others: defaultdict[str, list[Attempt]] = defaultdict(list)
    for connection in allowed:
        names = [*_named(settings, connection)]
        for name in names:
            of_entry[name].append(connection)
        if not names:
            others[_other(settings, connection)].append(connection)
    if not of_entry and not others:
        yield _NONE
        return
    yield _SOME
    for name in (DNS_RULE, PANGOLIN_RULE, *(entry.name for entry in settings.egress)):
        yield f"#   {name}: {_often(of_entry[name])}"
    for name, connections in sorted(others.items()):
        yield f"#   {name}: {_often(connections)}"


def _named(settings: KubernetesSettings, connection: Attempt) -> Iterator[str]:
    for entry in settings.egress:
        if means(entry, connection):
            yield entry.name
    if _is_dns(settings, connection):
        yield DNS_RULE
    if not isinstance(connection.destination, Pods):
        block = ip_network(connection.destination)
        if any(rule.destination == block for rule in servers_of(settings).rules()):
            yield PANGOLIN_RULE


def _is_dns(settings: KubernetesSettings, connection: Attempt) -> bool:
    destination, pods = connection.destination, settings.kubernetes.cluster_dns
    if isinstance(destination, Pods):
        own = Pods(pods.namespace, pods.labels)
        return connection.port == pods.port and own.overlaps(destination)
    return connection.port == DNS_PORT and destination in settings.dns.resolvers


def _other(settings: KubernetesSettings, connection: Attempt) -> str:
    """Return where it went, and which entries it may belong to."""
    may = ", ".join(_candidates(settings, connection)) or "none that the file has now"
    target = f"{connection.destination} {connection.port}/{connection.protocol.value}"
    return f"{target}, of {may}"


def _candidates(settings: KubernetesSettings, connection: Attempt) -> Iterator[str]:
    destination = connection.destination
    for entry in settings.egress:
        meaning = entry.meaning
        if isinstance(meaning, ServiceRef):
            if isinstance(destination, Pods) and meaning.namespace == destination.namespace:
                yield f"{entry.name}?"
        elif isinstance(meaning, str) and not isinstance(destination, Pods):
            yield f"{entry.name}?"
    if servers_of(settings).names and not isinstance(destination, Pods):
        yield f"{PANGOLIN_RULE}?"


def _often(connections: list[Attempt]) -> str:
    if not connections:
        return "none"
    last = min(connection.ago for connection in connections)
    return f"{len(connections)}, the last {ago(last)} ago"
