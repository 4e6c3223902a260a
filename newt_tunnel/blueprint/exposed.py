"""What a blueprint exposes, in terms of the policy model: the result of reading one."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from newt_tunnel.egress.model import PortRange, Protocol
from newt_tunnel.findings import Finding

PUBLIC = "public-resources"
PRIVATE = "private-resources"


class Via(enum.Enum):
    """The reason why newt dials."""

    TARGET = "target"
    HEALTH_CHECK = "health check"
    PRIVATE = "private resource"


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """Something newt dials for a resource: one host or block, one protocol, some ports.

    ``where`` is the path in the file, ``public-resources.gitea.targets[0]``; ``host_key`` and
    ``port_key`` are the keys of host and ports below it. ``host`` is as written, not yet judged;
    ``is_block`` says that a CIDR block is meant.
    """

    where: str
    resource: str
    via: Via
    host: str
    host_key: str
    protocol: Protocol
    ports: tuple[PortRange, ...]
    port_key: str
    is_block: bool = False

    @property
    def ports_text(self) -> str:
        return f"{','.join(map(str, self.ports))}/{self.protocol.value}"


@dataclass(frozen=True)
class Found:
    """What a blueprint exposes, and what was left out (``notes``). With a fault the exposures are
    incomplete.
    """

    exposures: tuple[Exposure, ...] = ()
    notes: tuple[Finding, ...] = ()
    faults: tuple[Finding, ...] = ()
