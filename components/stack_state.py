"""The engine's record of the last completed update: the stack's own outputs.

The program compares the cluster with them, because the objects there can be changed together with
their annotations. Of a Docker host they are the second source, for a preview without the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

#: A StackReference makes the same call; used directly it adds no resource to the stack. pulumi
#: 3.254.0, pkg/resource/deploy/builtins.go.
_READ_OUTPUTS = "pulumi:pulumi:readStackOutputs"


@dataclass(frozen=True, kw_only=True)
class LastUpdate:
    """``digest`` is the hash of the policy that was deployed into ``namespace``; None without such
    an update, or if the state cannot be read.
    """

    digest: str | None = None
    #: Whether there was a proof, and so a control namespace.
    is_proved: bool = False


def last_update(namespace: str) -> LastUpdate:
    stack = _stack()
    try:
        outputs = _outputs(stack)
        firewall = outputs.get("firewall") or {}
        if firewall.get("namespace") != namespace:
            return LastUpdate()
        return LastUpdate(
            digest=firewall.get("digest") or None, is_proved=bool(outputs.get("proof"))
        )
    except Exception as problem:
        # A backend of the first layout has no projects.
        pulumi.log.warn(
            f"the outputs of {stack} cannot be read ({type(problem).__name__}): what is missing in "
            "the cluster is only found while newt runs there"
        )
        return LastUpdate()


def last_firewall() -> str:
    """Return the firewall on a Docker host that the last update reported; empty if not known."""
    try:
        return str((_outputs(_stack()).get("firewall") or {}).get("firewall") or "")
    except Exception:
        # The caller says that it is not known.
        return ""


def _stack() -> str:
    return f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"


def _outputs(stack: str) -> Mapping[str, Any]:
    answer = pulumi.runtime.invoke(_READ_OUTPUTS, {"name": stack}).value
    outputs: Mapping[str, Any] = answer["outputs"]
    return outputs
