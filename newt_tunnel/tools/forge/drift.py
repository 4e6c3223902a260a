"""The search for drift: does the deployment match the declaration, and does the cage still hold?

Two questions for every stack. A preview that must find nothing to do compares the declaration with
the host or the cluster; the proof then tries with packets. The proof only runs if the preview is
clean: a commit that is not deployed yet would otherwise be measured against the old rules, and with
``proof: enforce`` a wrong measurement stops newt.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from newt_tunnel.tools.forge import ForgeError, stacks
from newt_tunnel.tools.forge.engine import KEYS, EngineStack, can_be_opened
from newt_tunnel.tools.forge.report import block, folded, publish


def drift(environment: Mapping[str, str] = os.environ) -> int:
    """Check every stack and report. Returns 1 if one differs, or its proof fails."""
    names = stacks.all_stacks("HEAD")
    if not can_be_opened(environment):
        raise ForgeError(f"none of {', '.join(KEYS)} is given, and without them no stack opens")
    verdicts = [_look(name, environment) for name in names]
    publish("\n\n".join(["## Drift", *(text for _, text in verdicts)]), environment)
    return 0 if all(ok for ok, _ in verdicts) else 1


def _look(name: str, environment: Mapping[str, str]) -> tuple[bool, str]:
    try:
        stack = EngineStack(name, environment)
        preview = stack.preview("--expect-no-changes")
        if not preview.ok:
            title = f"{name}: not what was deployed; the proof was not run"
            return False, folded(title, block(preview.text, "diff"))
        proof = stack.prove()
    except ForgeError as error:
        return False, folded(f"{name}: could not be looked at", block(str(error)))
    if proof is None:
        return True, f"{name}: as deployed. Its proof is off, so nothing was tried."
    if not proof.ok:
        return False, folded(f"{name}: as deployed, but the proof FAILED", block(proof.text))
    return True, folded(f"{name}: as deployed, and the proof holds", block(proof.text))
