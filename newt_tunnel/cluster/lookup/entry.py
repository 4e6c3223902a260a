"""An entry of the stack file, and the result of following it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newt_tunnel.egress.cluster_proof import Contact, Dialled
from newt_tunnel.egress.model import Destination, PortName, PortRange
from newt_tunnel.egress.rules import Rule
from newt_tunnel.findings import Finding, error, warning
from newt_tunnel.settings.stack import KubernetesSettings
from newt_tunnel.settings.targets import Target

MUST_NOT_REACH = "mustNotReach"


@dataclass(frozen=True, kw_only=True)
class Followed:
    """Rules, how the proof dials them, and findings. Without an error among ``findings`` the rules
    are complete.
    """

    rules: tuple[Rule, ...] = ()
    dialled: tuple[Dialled, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class KeyedTarget:
    """An entry, with its key in the stack file: ``egress[2]``."""

    key: str
    target: Target

    @property
    def is_allowed(self) -> bool:
        return not self.key.startswith(MUST_NOT_REACH)

    def rule(
        self,
        destination: Destination,
        ports: Iterable[PortRange],
        names: Iterable[PortName] = (),
    ) -> Rule:
        # A forbidden entry renders nothing: only its numbers count.
        named = tuple(names)
        numbers = () if self.is_allowed else (n for port in named for n in port.numbers)
        return Rule(
            name=self.target.name,
            destination=destination,
            protocol=self.target.protocol,
            ports=tuple(sorted({*ports, *map(PortRange.single, numbers)})),
            port_names=named if self.is_allowed or not any(n.numbers for n in named) else (),
            origin=self.key,
            reason=self.target.reason,
        )

    def dialled(self, contacts: Iterable[Contact]) -> Dialled:
        """Return how the proof tries it."""
        return Dialled(
            name=self.target.name,
            protocol=self.target.protocol,
            contacts=tuple(contacts),
            must_reach=self.is_allowed,
        )

    def missing(self, part: str, text: str) -> Finding:
        """Return an error if newt needs what is missing, or a warning if only the proof would try
        it.
        """
        key = f"{self.key}.{part}"
        if self.is_allowed:
            return error(key, text)
        return warning(key, f"{text}; the proof cannot try it")


def entries_of(settings: KubernetesSettings) -> tuple[KeyedTarget, ...]:
    return tuple(
        KeyedTarget(target.key(f"{key}[{index}]"), target)
        for key, targets in (
            ("egress", settings.egress),
            (MUST_NOT_REACH, settings.must_not_reach),
        )
        for index, target in enumerate(targets)
    )
