"""Pangolin Cloud, as its documentation describes it on a date: one row of data.

The list changes without a feed. Whoever updates it changes the names, the date and the source
together. It is read by nothing but the key ``pangolin``.
"""

from __future__ import annotations

from dataclasses import dataclass

from newt_tunnel.egress.model import HostName


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """A Pangolin that somebody else runs. ``nodes`` are where its tunnels end."""

    endpoint: HostName
    nodes: tuple[HostName, ...]
    as_of: str
    source: str

    def __str__(self) -> str:
        return f"the {len(self.nodes)} nodes documented on {self.as_of} ({self.source})"


CLOUD = Hosted(
    endpoint=HostName("app.pangolin.net"),
    nodes=tuple(
        HostName(f"{name}.pop.pangolin.net")
        for name in (
            *("jupiter", "saturn", "neptune"),  # US West
            *("earth", "mars", "erid", "pluto"),  # US East
            *("uranus", "venus", "mercury"),  # Europe
        )
    ),
    as_of="2026-12-01",
    source="https://docs.pangolin.net/manage/endpoints-and-pops",
)
