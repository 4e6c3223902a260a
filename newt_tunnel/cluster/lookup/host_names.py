"""Host names of the stack file: their addresses, and addresses that they may not resolve to.

The rules against hostile answers are those of ``newt-egress``: an answer must never give newt a
target that is blocked. Pure; takes answers and a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from newt_tunnel.cluster.lookup.entry import Followed, KeyedTarget
from newt_tunnel.cluster.lookup.outside import published_here
from newt_tunnel.cluster.reading.name_resolution import Answers
from newt_tunnel.cluster.reading.snapshot import Snapshot
from newt_tunnel.egress import registry
from newt_tunnel.egress.model import Address, HostName, Network
from newt_tunnel.egress.rules import Rule
from newt_tunnel.findings import Finding, error, info, warning
from newt_tunnel.settings.families import IN_CLUSTER
from newt_tunnel.settings.servers import NODES_KEY

#: Addresses of one name, as on a Docker host: more are treated as an attempt to widen the list.
MAX_ADDRESSES = 64


def follow_host(entry: KeyedTarget, name: HostName, names: HostNames) -> Followed:
    """Follow an entry that names a host outside the cluster."""
    key = f"{entry.key}.host"
    if entry.is_allowed:
        addresses, findings = names.allowed(key, name)
    else:
        addresses, findings = names.known(name), ()
        if not addresses:
            text = f"{name} does not resolve here; the proof cannot try it"
            findings = (warning(key, text),)
    rules = tuple(entry.rule(ip_network(one), entry.target.port.ranges) for one in addresses)
    published = (
        finding
        for rule in rules
        for finding in published_here(key, rule, names.snapshot)
        if entry.is_allowed
    )
    return Followed(rules=rules, findings=(*findings, *published))


def forbidden_addresses(
    entries: Iterable[KeyedTarget], rules: Iterable[Rule]
) -> tuple[ForbiddenAddress, ...]:
    """Return the addresses of mustNotReach, from the ``rules`` of its ``entries``."""
    written = {entry.target.name: entry.target.meaning for entry in entries}
    return tuple(
        ForbiddenAddress(
            entry=rule.name,
            block=rule.destination,
            host=meaning if isinstance(meaning := written[rule.name], str) else None,
        )
        for rule in rules
        if isinstance(rule.destination, IPv4Network | IPv6Network)
    )


@dataclass(frozen=True, kw_only=True)
class ForbiddenAddress:
    """An address of mustNotReach; ``host`` is the name in the file, if it was written as one."""

    entry: str
    block: Network
    host: HostName | None


@dataclass(frozen=True, kw_only=True)
class HostNames:
    """The answers for host names, and addresses that none may have in this stack and cluster."""

    answers: Answers
    snapshot: Snapshot
    resolvers: tuple[Address, ...]
    forbidden: tuple[ForbiddenAddress, ...] = ()

    def known(self, name: HostName) -> tuple[Address, ...]:
        """Return the answers that pods can use."""
        answers = self.answers.get(name, ())
        return tuple(a for a in answers if a.version == 4 or self.snapshot.has_ipv6)

    def allowed(
        self, key: str, name: HostName, *, written: str | None = None
    ) -> tuple[tuple[Address, ...], tuple[Finding, ...]]:
        """Return the addresses to allow, and findings; no address if one of them is refused. The
        name of a server of Pangolin's must be public: ``written`` is the key for other addresses.
        """
        known = self.known(name)
        wrong = tuple(self._wrong(name, known, written))
        if wrong:
            return (), tuple(error(key, text) for text in wrong)
        return known, tuple(info(key, f"resolved {name} -> {address}") for address in known)

    def _wrong(
        self, name: HostName, known: tuple[Address, ...], written: str | None
    ) -> Iterator[str]:
        if not self.answers.get(name):
            others = "; or list the nodes without it" if written == NODES_KEY else ""
            yield (
                f"{name} does not resolve on this machine; correct the name, or write its "
                f"address{others}"
            )
        elif not known:
            yield f"{name} has IPv6 addresses only, and pods here have none of those"
        elif len(known) > MAX_ADDRESSES:
            instead = written or "entries of their own"
            yield (
                f"{name} resolves to {len(known)} addresses, and a name may have "
                f"{MAX_ADDRESSES}; write those that are meant as {instead}"
            )
        else:
            for address in known:
                objection = self.objection(name, address, written=written)
                if objection:
                    yield f"{name} resolves to {address}, which {objection}; refused"

    def objection(self, name: HostName, address: Address, *, written: str | None) -> str | None:
        """Return why ``name`` must not resolve to ``address``; None if it may."""
        found = self._objection(name, address)
        held = registry.held(address)
        if found is None and held is not None and (inner := self._objection(name, held)):
            return f"holds {held}, which {inner}"
        if found is None and written and (block := registry.not_public(address)):
            return f"is not public ({block}); write it in {written} if Pangolin really is there"
        return found

    def _objection(self, name: HostName, address: Address) -> str | None:
        if IN_CLUSTER.special(address):
            return "is loopback, link-local, multicast or reserved"
        if any(address in block for block in self.snapshot.service_ranges):
            return "belongs to the cluster's Services; write the entry as `service:`"
        if any(address in service.addresses for service in self.snapshot.services):
            return "is a Service of the cluster; write the entry as `service:`"
        if any(address in block for block in self.snapshot.pod_ranges):
            return "belongs to the cluster's pods; write the entry as `service:` or `namespace:`"
        if any(address == contact.host for contact in self.snapshot.api):
            return "is the Kubernetes API"
        if address in self.resolvers:
            return "is a resolver"
        for one in self.forbidden:
            # A name may be allowed at one port and forbidden at another, so it does not object to
            # itself.
            if address in one.block and one.host != name:
                return f"is forbidden: mustNotReach {one.entry}"
        return None
