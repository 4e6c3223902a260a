"""What an update makes in a cluster, and a difference from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newt_tunnel.findings import Finding, drift, warning

#: Annotation of everything of ours: ``project/stack``.
OWNER = "newt-tunnel/owner"

NAMESPACE = "Namespace"
NETWORK_POLICY = "NetworkPolicy"
#: The command that restores objects which no new generation restores.
REFRESH = "run `pulumi up --refresh`"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The objects that an update makes, and how to recognise them in a cluster."""

    #: ``project/stack``.
    owner: str
    namespace: str
    #: None where the last update made none.
    control_namespace: str | None
    #: Of both namespaces.
    namespace_labels: Mapping[str, str]
    #: Name to spec, as rendered now.
    policies: Mapping[str, Mapping[str, Any]]
    #: Name of the policy with the rules, whose hash the state holds.
    newts_policy: str
    #: Of newt's pods.
    pod_labels: Mapping[str, str]
    #: How the name of the Secret begins.
    secret: str
    claim: str | None
    #: How the name of the proof's Job begins; None where the last update made none.
    job: str | None
    release: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """``is_missing`` if the object is gone; ``is_repaired`` if a new generation makes the update
    repair it.
    """

    kind: str
    name: str
    text: str
    is_missing: bool = False
    is_repaired: bool = True

    @property
    def finding(self) -> Finding:
        return (drift if self.is_repaired else warning)(f"{self.kind} {self.name}", self.text)


def repair(verb: str = "puts it back") -> str:
    """Return what the next update does about it."""
    return f"`pulumi up` {verb}, proves the cage anew and starts newt anew"
