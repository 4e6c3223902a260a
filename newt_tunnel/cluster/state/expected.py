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
#: What makes again the objects that no other generation brings back.
REFRESH = "run `pulumi up --refresh`"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What an update makes, and how it is recognised in a cluster."""

    #: ``project/stack``.
    owner: str
    namespace: str
    #: None where the last update made none.
    control_namespace: str | None
    #: Of both namespaces.
    namespace_labels: Mapping[str, str]
    #: Name to spec, as rendered now.
    policies: Mapping[str, Mapping[str, Any]]
    #: Which of them has the rules, and so the hash that the state holds.
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
    """``is_missing`` where the object is gone; ``is_repaired`` where another generation makes the
    update put it right.
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
    """What the next update does about it."""
    return f"`pulumi up` {verb}, proves the cage anew and starts newt anew"
