"""Host names of the stack file: resolved on this machine, and what they may not resolve to.

The rules against hostile answers are those of ``newt-egress``: whoever answers for a name must
not be able to point newt at something it is kept from.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from newt_tunnel.cluster.snapshot import Snapshot
from newt_tunnel.egress import registry
from newt_tunnel.egress.model import Address, HostName, Network
from newt_tunnel.settings.families import IN_CLUSTER

#: Of one name, as on a Docker host: more is no answer but an attempt to widen the list.
MAX_ADDRESSES = 64
TIMEOUT_SECONDS = 10.0
HOSTS_FILE = Path("/etc/hosts")

#: What was answered for each name: nothing means that it does not resolve.
Answers = Mapping[HostName, tuple[Address, ...]]


def resolve(names: Iterable[HostName]) -> dict[HostName, tuple[Address, ...]]:
    """Ask this machine's resolver for all names at once."""
    wanted = sorted(set(names))
    answers: dict[HostName, tuple[Address, ...]] = dict.fromkeys(wanted, ())

    def ask(name: HostName) -> None:
        answers[name] = _ask(name)

    # getaddrinfo cannot be interrupted: what hangs is left behind, and keeps nothing waiting.
    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in wanted]
    for thread in threads:
        thread.start()
    until = time.monotonic() + TIMEOUT_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return dict(answers)


def _ask(name: HostName) -> tuple[Address, ...]:
    addresses = _in_hosts_file(name)
    if not addresses:
        try:
            # The dot keeps the resolver from trying the name in this machine's search domains.
            found = socket.getaddrinfo(f"{name}.", None, type=socket.SOCK_STREAM)
        except OSError:
            return ()
        # A scope after `%` is only on link-local addresses, which are refused anyway.
        addresses = {ip_address(str(address[0]).partition("%")[0]) for *_, address in found}
    return tuple(sorted(addresses, key=lambda address: (address.version, int(address))))


def _in_hosts_file(name: HostName) -> set[Address]:
    """Read here because it knows no dot at the end of a name."""
    found: set[Address] = set()
    try:
        lines = HOSTS_FILE.read_text(errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if name in map(str.lower, names):
            with suppress(ValueError):
                found.add(ip_address(address.partition("%")[0]))
    return found


@dataclass(frozen=True, kw_only=True)
class Forbidden:
    """An address of mustNotReach; ``host`` is the name it was written as, if it was one."""

    entry: str
    block: Network
    host: HostName | None


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What no name may resolve to in this stack and cluster."""

    resolvers: tuple[Address, ...]
    forbidden: tuple[Forbidden, ...]
    snapshot: Snapshot

    def objection(self, name: HostName, address: Address, *, is_endpoint: bool) -> str | None:
        """Why ``name`` must not resolve to ``address``; None if it may."""
        found = self._objection(name, address)
        held = registry.held(address)
        if found is None and held is not None and (inner := self._objection(name, held)):
            return f"holds {held}, which {inner}"
        if found is None and is_endpoint and (block := registry.not_public(address)):
            return (
                f"is not public ({block}); write it in pangolin.addresses if Pangolin really is "
                "there"
            )
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
            # A name may be allowed at one port and forbidden at another: no objection to itself.
            if address in one.block and one.host != name:
                return f"is forbidden: mustNotReach {one.entry}"
        return None
