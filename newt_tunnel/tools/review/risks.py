"""Reasons for a second look: wide targets, and sensitive targets.

Judges by what a stack file shows: ports, addresses, names and labels. Never calls a target
harmless, and does not know what runs behind a port.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from newt_tunnel.egress.model import DNS_RULE, PANGOLIN_RULE, Pods
from newt_tunnel.egress.networks import is_inside
from newt_tunnel.settings import addresses, variables
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.stackfile.reach_entries import ReachEntry
from newt_tunnel.stackfile.reach_sets import OTHER, TCP, Box, Region, meet
from newt_tunnel.tools.review.changes import Change

#: TCP ports by the IANA registry or the products' manuals.
_SENSITIVE_PORTS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("SSH", (22,)),
    ("Telnet", (23,)),
    ("remote desktops (RDP, VNC)", (3389, 5900)),
    ("file shares (SMB, NFS)", (139, 445, 2049)),
    ("a directory (LDAP)", (389, 636)),
    ("a database (PostgreSQL)", (5432,)),
    ("a database (MySQL, MariaDB)", (3306,)),
    ("a database (SQL Server)", (1433,)),
    ("a database (Oracle)", (1521,)),
    ("a database (MongoDB)", (27017,)),
    ("a database (Redis)", (6379,)),
    ("a database (Memcached)", (11211,)),
    ("a database (Elasticsearch)", (9200,)),
    ("a database (InfluxDB)", (8086,)),
    ("a database (CouchDB)", (5984,)),
    ("a database (Cassandra)", (9042,)),
    ("Docker's API, which is root on its host", (2375, 2376)),
    ("the Kubernetes API", (6443,)),
    ("the kubelet", (10250, 10255)),
    ("etcd, which holds a cluster's secrets", (2379, 2380)),
    ("a hypervisor (Proxmox)", (8006,)),
    ("a router's management (RouterOS)", (8291, 8728, 8729)),
)
#: If there are more, only their number is reported.
_NAMED_AT_ONCE = 4
_TELLING_WORDS: tuple[tuple[str, str], ...] = (
    (
        r"postgres\w*|mysql|mariadb|mongo\w*|redis|valkey|mssql|database|databases|db",
        "a database",
    ),
    (r"ssh|sshd|sftp", "SSH"),
    (r"router|gateway|firewall|opnsense|pfsense|openwrt|fritzbox|unifi|mikrotik", "the router"),
    (r"vault|vaultwarden|bitwarden|keycloak|ldap|kerberos", "where secrets are kept"),
    (r"docker|portainer|dockersock", "Docker"),
)
_TELLING = tuple(
    (re.compile(rf"(?:^|[^a-z])(?:{words})(?:[^a-z]|$)"), what) for words, what in _TELLING_WORDS
)
#: Usual addresses of home routers in their network.
_ROUTER_ENDINGS = (1, 254)
_BYTE = 256
_MANY_PORTS = 100
_SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
_API_SERVICE = ServiceRef("default", "kubernetes")


def risks(
    change: Change, *, was_forbidden: Iterable[ReachEntry] = (), host: IPv4Address | None = None
) -> tuple[str, ...]:
    """Yield the risks of what a change opens. ``was_forbidden`` is the former ``mustNotReach``;
    ``host`` is the Docker host. newt's server and resolvers are judged by size alone.
    """
    entry, region = change.entry, change.region
    found = [*_forbidden(region, was_forbidden), *_size(entry, region)]
    if entry.name == DNS_RULE:
        found += _public_resolver(entry)
    elif entry.name != PANGOLIN_RULE:
        found += [*_ports(region), *_place(entry, host), *_words(entry)]
    return tuple(dict.fromkeys(found))


def of_unknown_variable(name: str) -> str:
    """Return the risk of a variable in ``newt.unknownEnvironment``."""
    if variables.caution(name):
        return "newt then reaches what the proxy reaches, whatever the allow-list says"
    return "newt documents no such variable, so what it does is not known"


def _forbidden(region: Region, was_forbidden: Iterable[ReachEntry]) -> Iterator[str]:
    for one in was_forbidden:
        if meet(region, one.region):
            yield f"was in mustNotReach until now, as {one.name}"


def _size(entry: ReachEntry, region: Region) -> Iterator[str]:
    place = entry.place
    if isinstance(place, IPv4Network | IPv6Network) and place.prefixlen < place.max_prefixlen:
        if place.prefixlen == 0:
            yield "every address there is"
        elif entry.wide or addresses.is_wide(place):
            yield "a whole network or more"
        else:
            yield f"{place.num_addresses} addresses"
    if isinstance(place, Pods) and not place.labels:
        yield "a whole namespace: every pod that is there, or will be"
    if any(box.line == OTHER for box in region):
        yield "every port and every protocol"
    elif _count(region) > _MANY_PORTS:
        yield f"{_count(region)} ports"


def _count(region: Region) -> int:
    """Return the largest number of ports of one extent."""
    by_extent: dict[object, int] = {}
    for box in region:
        by_extent[box.extent] = by_extent.get(box.extent, 0) + box.last - box.first + 1
    return max(by_extent.values(), default=0)


def _ports(region: Region) -> Iterator[str]:
    found = [
        what
        for what, ports in _SENSITIVE_PORTS
        if any(box.line == TCP and _holds(box, ports) for box in region)
    ]
    if len(found) > _NAMED_AT_ONCE:
        yield f"the ports of {found[0]} and of {len(found) - 1} other sensitive services"
    else:
        yield from (f"the port of {what}" for what in found)


def _holds(box: Box, ports: Iterable[int]) -> bool:
    return any(box.first <= port <= box.last for port in ports)


def _place(entry: ReachEntry, host: IPv4Address | None) -> Iterator[str]:
    place = entry.place
    if isinstance(place, Pods | ServiceRef) and place.namespace in _SYSTEM_NAMESPACES:
        yield f"in namespace {place.namespace}, which belongs to the cluster"
    if place == _API_SERVICE:
        yield "the Kubernetes API"
    if not isinstance(place, IPv4Network | IPv6Network):
        return
    if host is not None and host in place:
        yield "the Docker host itself" if place.prefixlen == 32 else "holds the Docker host itself"
    if _is_like_a_router(place):
        yield "an address that routers usually have"
    if not any(is_inside(place, private) for private in addresses.PRIVATE):
        yield "public: what is sent there leaves the network"


def _is_like_a_router(place: IPv4Network | IPv6Network) -> bool:
    return (
        place.version == 4
        and place.prefixlen == place.max_prefixlen
        and place.is_private
        and int(place.network_address) % _BYTE in _ROUTER_ENDINGS
    )


def _public_resolver(entry: ReachEntry) -> Iterator[str]:
    place = entry.place
    if not isinstance(place, IPv4Network | IPv6Network):
        return
    if place.prefixlen == 0:
        yield "any resolver can be asked, which carries data out"
    elif not any(is_inside(place, b) for b in (*addresses.PRIVATE, *addresses.LINK_LOCAL)):
        yield "a public resolver, which carries data out"


def _words(entry: ReachEntry) -> Iterator[str]:
    """Return the words of the entry's name and place."""
    place = entry.place
    texts = [entry.name]
    if isinstance(place, Pods):
        texts += [place.namespace, *(value for _, value in place.labels)]
    else:
        texts.append(str(place))
    texts += [name for ports in entry.ports for name in ports.names]
    said = " ".join(texts).lower()
    for words, what in _TELLING:
        if words.search(said):
            yield f"called like {what}"
