"""The report of reach, row by row, for people, stack outputs and reviews."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from newt_tunnel.egress.model import destination_text
from newt_tunnel.egress.rules import Policy


@dataclass(frozen=True, kw_only=True)
class Reach:
    """One row. ``origin`` is the key of the stack file that allows it, without its place in a list:
    reordering the list changes nothing newt may reach.
    """

    name: str
    destination: str
    port: str
    protocol: str
    origin: str
    #: The user's own remark.
    reason: str | None = None

    def as_dict(self) -> dict[str, str]:
        """Plain values, for a stack output."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def report(policy: Policy) -> tuple[Reach, ...]:
    """Everything ``policy`` allows, in the order of rendering."""
    return tuple(
        Reach(
            name=rule.name,
            destination=destination_text(rule.destination),
            port=rule.ports_text,
            protocol=rule.protocol.value,
            origin=rule.origin.partition("[")[0],
            reason=rule.reason,
        )
        for rule in policy.sorted_rules
    )
