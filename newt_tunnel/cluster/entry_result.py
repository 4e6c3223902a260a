"""What the look-up of one entry gives: rules, ways to try them, and what there is to say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newt_tunnel.cluster.findings import Finding, error, warning
from newt_tunnel.egress.cluster_proof import Dialled
from newt_tunnel.egress.model import Destination, PortName, PortRange
from newt_tunnel.egress.rules import Rule
from newt_tunnel.settings.targets import Target

MUST_NOT_REACH = "mustNotReach"
#: Enough to recognise what was meant.
_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Found:
    """Without an error among ``findings`` the rules are complete."""

    rules: tuple[Rule, ...] = ()
    dialled: tuple[Dialled, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Entry:
    """An entry and the key it stands under: ``egress[2]``."""

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
        # What is forbidden renders nothing: there only the numbers count.
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

    def missing(self, part: str, text: str) -> Finding:
        """Something that is not there: newt's loss, but what is forbidden cannot be tried."""
        key = f"{self.key}.{part}"
        if self.is_allowed:
            return error(key, text)
        return warning(key, f"{text}; the proof cannot try it")


def listed(items: Iterable[object]) -> str:
    """The first few of them."""
    texts = list(dict.fromkeys(str(item) for item in items))
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
