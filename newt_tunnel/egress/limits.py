"""Known limits of the arrangements on a Docker host: the part of the model that ``decide`` cannot
express, because these packets never meet a rule.

``make attack`` compares the list with the kernel: an attack that a limit names must succeed there,
and no other may. docs/evidence.md has what was measured; docs/threat-model.md what Docker's issues
report. The docs print the list, and a stack with ``docker.hook: docker-user`` prints the part of
that hook. Enforcers of NetworkPolicies have a list of their own (``enforcers``).
"""

from __future__ import annotations

from dataclasses import dataclass

from newt_tunnel.egress.cage import Cage, Firewall
from newt_tunnel.egress.decide_packet import goes_by_connection


@dataclass(frozen=True)
class Engines:
    """Docker's engines by their major version, from ``first`` to ``last``; None means no end."""

    first: int | None = None
    last: int | None = None

    def __contains__(self, major: int) -> bool:
        return (self.first or major) <= major <= (self.last or major)

    def __str__(self) -> str:
        words = [] if self.first is None else [f"from {self.first}"]
        words += [] if self.last is None else [f"up to {self.last}"]
        return f"Docker {' '.join(words)}" if words else ""


@dataclass(frozen=True)
class HostLimit:
    """A packet that an arrangement does not stop, or a Docker that does not offer it, as one
    sentence; ``name`` is for tables. ``engines`` are the versions with this limit, ``backend`` is
    the firewall that they use themselves.
    """

    name: str
    text: str
    engines: Engines = Engines()
    backend: Firewall = Firewall.IPTABLES

    def __str__(self) -> str:
        return f"{self.engines}: {self.text}" if str(self.engines) else self.text


#: Measured up to 26, and no longer on 28; 27 was not measured.
BEFORE_28 = Engines(last=27)
FROM_28, FROM_29 = Engines(first=28), Engines(first=29)


NETWORKS = HostLimit(
    "networks",
    "Docker re-inserts its jump to DOCKER-USER at every `docker network create`: packets pass "
    "meanwhile.",
    BEFORE_28,
)
UNHOOKED = HostLimit(
    "unhooked",
    "A jump to DOCKER-USER that was removed comes back only when Docker is restarted.",
    FROM_28,
)
RELOAD = HostLimit(
    "reload",
    "Anything that reloads the filter table (a firewall manager) removes the cage with it.",
)
AHEAD = HostLimit(
    "ahead", "An ACCEPT that comes earlier in FORWARD or INPUT passes newt's packets unseen."
)
BACKEND = HostLimit(
    "backend",
    "With Docker's own nftables backend there is no DOCKER-USER chain: the hook is refused.",
    FROM_29,
    Firewall.NFTABLES,
)
ERRORS = HostLimit(
    "errors",
    "With `pangolin.ports: all` forged ICMP errors get out, too, to any machine with a connection "
    "to Pangolin's address through this host: behind DNAT the rules go by the connection.",
)
#: Limits of ``Hook.DOCKER_USER``, the blog post's own place for the rules.
DOCKER_USER: tuple[HostLimit, ...] = (
    NETWORKS,
    UNHOOKED,
    BACKEND,
    RELOAD,
    AHEAD,
    ERRORS,
)


def limits(cage: Cage) -> tuple[HostLimit, ...]:
    """Return the known limits of the arrangement of ``cage``."""
    return DOCKER_USER if goes_by_connection(cage) else ()
