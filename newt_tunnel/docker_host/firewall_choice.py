"""Decides which firewall holds the rules of a stack whose file does not say it.

nftables is the default, because its cost does not grow with the list. A host that has this stack's
rules in iptables keeps them there until its owner writes the key: a new default must not move the
rules of a deployed stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from newt_tunnel.docker_host.state import HostState
from newt_tunnel.egress.cage import Firewall
from newt_tunnel.findings import Finding, info, warning
from newt_tunnel.settings.docker import USUAL_FIREWALL, Docker
from newt_tunnel.settings.docker_checks import iptables_size

KEY = "docker.firewall"
_TO_CHANGE = f"write {KEY}: {Firewall.NFTABLES.value} to change"


@dataclass(frozen=True)
class Choice:
    """``remark`` says why the firewall is not the default, or that it is not certain."""

    firewall: Firewall
    remark: Finding | None = None


def choose(docker: Docker, found: HostState | None, last_update: Callable[[], str]) -> Choice:
    """Choose the firewall of a stack.

    ``found`` is None if the host cannot be reached. ``last_update`` returns the firewall that the
    last update reported, empty if that is not known; it is asked only where the host's record
    cannot be read.
    """
    if docker.firewall_in_file is not None:
        return Choice(docker.firewall_in_file)
    if found is not None and found.firewall == Firewall.IPTABLES.value:
        return Choice(
            Firewall.IPTABLES, info(KEY, f"keeps iptables, as the host's record says; {_TO_CHANGE}")
        )
    if found is not None and (found.firewall or found.state == "absent"):
        return Choice(USUAL_FIREWALL)
    why = "the host cannot be reached" if found is None else "the host's record cannot be read"
    reported = last_update()
    if reported == Firewall.IPTABLES.value:
        return Choice(
            Firewall.IPTABLES,
            info(KEY, f"keeps iptables, as the last update did, because {why}; {_TO_CHANGE}"),
        )
    if reported == Firewall.NFTABLES.value:
        return Choice(USUAL_FIREWALL)
    return Choice(
        USUAL_FIREWALL,
        warning(
            KEY,
            f"is not written, and {why}: {USUAL_FIREWALL.value} is assumed; an update keeps "
            "iptables where the host's record says iptables",
        ),
    )


def judge(
    docker: Docker, firewall: Firewall, targets: int, found: HostState | None
) -> Iterator[Finding]:
    """Yield what speaks against ``firewall`` on this host, with this number of targets."""
    if firewall is Firewall.NFTABLES and found is not None and found.without_nft:
        yield Finding(
            KEY,
            firewall.value if docker.firewall else f"{firewall.value} (the default)",
            f"nft cannot hold the rules on {docker.address} ({found.without_nft}); install "
            f"nftables, or write {KEY}: {Firewall.IPTABLES.value}",
        )
    # A firewall that follows from the file alone was judged with the file.
    if docker.firewall_in_file is None and firewall is Firewall.IPTABLES:
        yield from iptables_size(targets)
