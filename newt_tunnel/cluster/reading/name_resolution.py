"""Resolves host names of the stack file on this machine: the only module that uses DNS.

``lookup.host_names`` judges the answers.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from newt_tunnel.egress.model import Address, HostName

TIMEOUT_SECONDS = 10.0
HOSTS_FILE = Path("/etc/hosts")

#: The answers for each name; none means that it does not resolve.
Answers = Mapping[HostName, tuple[Address, ...]]


def resolve(names: Iterable[HostName]) -> dict[HostName, tuple[Address, ...]]:
    """Ask this machine's resolver for all names at once."""
    wanted = sorted(set(names))
    answers: dict[HostName, tuple[Address, ...]] = dict.fromkeys(wanted, ())

    def ask(name: HostName) -> None:
        answers[name] = _ask(name)

    # getaddrinfo cannot be interrupted: a call that hangs is left behind in its thread.
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
