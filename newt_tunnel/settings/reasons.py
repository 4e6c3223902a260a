"""``reasons``: why a stack does what the policy pack advises against.

Entries of ``egress`` have a ``reason`` of their own; this section is for other settings. A reason
changes no rule and no resource that newt needs: it is for reviewers, and silences the advice.
"""

from __future__ import annotations

from pydantic import Field

from newt_tunnel.settings.section import Section
from newt_tunnel.settings.types import Reason


class Reasons(Section):
    """Reasons, each named after the key that it explains."""

    dns: Reason | None = Field(default=None, description="Why `dns: any` is needed.")
    image: Reason | None = Field(default=None, description="Why `agent.image` has no digest.")
    proof: Reason | None = Field(default=None, description="Why `proof` is `off`.")

    def given(self) -> dict[str, str]:
        """Return the written reasons by key."""
        return {key: str(text) for key, text in self.model_dump(exclude_none=True).items()}


class HostReasons(Reasons):
    """Reasons for a Docker host."""

    capabilities: Reason | None = Field(
        default=None, description="Why newt keeps `newt.capabilities`."
    )
