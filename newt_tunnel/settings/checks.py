"""What must hold between different sections of the stack file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from newt_tunnel.egress.model import destination_text
from newt_tunnel.egress.registry import not_public
from newt_tunnel.egress.rules import Rule
from newt_tunnel.findings import MISSING, Finding
from newt_tunnel.settings import agent_checks, cluster_checks, docker_checks
from newt_tunnel.settings.dns import NONE
from newt_tunnel.settings.facts import Facts
from newt_tunnel.settings.nodes import CLOUD_NODES
from newt_tunnel.settings.pangolin_cloud import CLOUD
from newt_tunnel.settings.policy import contradictions, entry_rules
from newt_tunnel.settings.servers import NODES_KEY, TUNNEL
from newt_tunnel.settings.stack import AnySettings, KubernetesSettings, Settings

#: Enough to see which nodes are meant.
_SHOWN_NODES = 3


def names(found: Facts) -> Iterator[Finding]:
    """Check that each name belongs to one entry."""
    first: dict[str, str] = {}
    for key, entry in found.entries:
        name = entry.name
        if name in first:
            yield Finding(
                f"{key}.name",
                name,
                f"is the name of {first[name]} as well; rules and reports use it, choose another",
            )
        first.setdefault(name, key)


def endpoint_addresses(found: Facts) -> Iterator[Finding]:
    """Check that the server's addresses are written where they are needed, and include the
    endpoint's.
    """
    key = "pangolin.addresses"
    if found.endpoint is None:
        return
    host = found.endpoint.host
    if not isinstance(host, str):
        if not found.addresses_written and not_public(host):
            yield Finding(
                key,
                MISSING,
                f"pangolin.endpoint {host} is not public; if that is intended, write [{host}]",
            )
        if found.addresses is not None and host not in found.addresses:
            yield Finding(
                key,
                ", ".join(str(address) for address in found.addresses),
                f"lacks {host}, which pangolin.endpoint names and newt will dial; add it",
            )
    elif not found.addresses_written and found.dns is not None and found.dns.is_none:
        yield Finding(
            key,
            MISSING,
            f"with dns: {NONE} newt cannot look {host} up; write its addresses, like "
            "[203.0.113.10]",
        )


def cloud_without_nodes(found: Facts) -> Iterator[Finding]:
    """Check that a newt of Pangolin Cloud may reach a node: the endpoint has no tunnels."""
    servers = found.servers
    if servers is None or not servers.is_cloud or servers.nodes is not None:
        return
    # Entries of the allow-list may name the nodes.
    if not any(_is_a_tunnels(rule) for rule in entry_rules(found.egress)):
        yield Finding(
            NODES_KEY,
            MISSING,
            f"a newt of Pangolin Cloud gets no tunnel at {CLOUD.endpoint}: its tunnels end at "
            f"nodes of other names; write `nodes: {CLOUD_NODES}`, or those that newt may use",
        )


def _is_a_tunnels(rule: Rule) -> bool:
    return rule.protocol is TUNNEL.protocol and any(
        TUNNEL.ports is not None and ports.covers(TUNNEL.ports) for ports in rule.ports
    )


def nodes_without_dns(found: Facts) -> Iterator[Finding]:
    """Check that newt can look its nodes up: Pangolin may send their names."""
    if found.dns is None or not found.dns.is_none or found.servers is None:
        return
    names = [name for key, name in found.servers.names if key == NODES_KEY]
    if names:
        yield Finding(
            NODES_KEY,
            ", ".join(names[:_SHOWN_NODES]) + (", ..." if len(names) > _SHOWN_NODES else ""),
            f"is a name, and with dns: {NONE} newt cannot look it up; write the resolvers that "
            "newt may ask, or the node's address if Pangolin sends that",
        )


def names_without_dns(found: Facts) -> Iterator[Finding]:
    """Check that no entry is a name where newt has no DNS."""
    if found.dns is None or not found.dns.is_none:
        return
    for key, entry in found.entries:
        if isinstance(entry.meaning, str):
            yield Finding(
                f"{key}.host",
                entry.meaning,
                f"is a name, and with dns: {NONE} newt cannot look it up; write its "
                f"{found.model.families.one}",
            )


def duplicates(found: Facts) -> Iterator[Finding]:
    """Check that each target is allowed once."""
    first: dict[tuple[object, ...], Rule] = {}
    for rule in found.allowed:
        for port in (*rule.ports, *rule.port_names):
            known = first.setdefault((rule.destination, rule.protocol, port), rule)
            if known.name != rule.name:
                yield Finding(
                    rule.origin,
                    f"{rule.name}, {destination_text(rule.destination)} "
                    f"{port}/{rule.protocol.value}",
                    f"repeats what {known.origin} ({known.name}) allows; remove one of the two",
                )
                break


def overlaps(found: Facts) -> Iterator[Finding]:
    """Check that no entry of mustNotReach is allowed."""
    yield from contradictions(found.allowed, entry_rules(found.must_not_reach))


#: The checks of each platform, in the order in which problems are reported.
_CHECKS: dict[type[AnySettings], tuple[Callable[[Facts], Iterator[Finding]], ...]] = {
    Settings: (
        agent_checks.image,
        agent_checks.unchecked_image,
        names,
        endpoint_addresses,
        cloud_without_nodes,
        nodes_without_dns,
        names_without_dns,
        docker_checks.own_networks,
        docker_checks.services,
        duplicates,
        overlaps,
        docker_checks.size,
    ),
    KubernetesSettings: (
        agent_checks.image,
        agent_checks.unchecked_image,
        names,
        endpoint_addresses,
        cloud_without_nodes,
        nodes_without_dns,
        names_without_dns,
        cluster_checks.own_namespace,
        cluster_checks.endpoint_without_dns,
        duplicates,
        overlaps,
        cluster_checks.services,
    ),
}


def check(found: Facts) -> Iterator[Finding]:
    """Yield every contradiction between sections once, and remarks on what is valid."""
    for rule in _CHECKS[found.model]:
        yield from rule(found)
