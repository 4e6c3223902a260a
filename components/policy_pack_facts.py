"""Facts that the policy pack cannot read from resources: the proof's mode, the user's reasons."""

from __future__ import annotations

from typing import Any

from newt_tunnel.settings.stack import AnySettings


def policy_pack_facts(settings: AnySettings) -> dict[str, Any]:
    """Outputs of the tunnel's component."""
    return {"proofMode": settings.proof.value, "reasons": settings.reasons.given()}
