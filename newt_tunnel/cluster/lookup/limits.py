"""Limits of an API server and of a kernel, checked before anything is changed.

Pure; one row for each limit, with its source.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from newt_tunnel.egress import cluster_proof
from newt_tunnel.egress.proof_plan import Probe
from newt_tunnel.findings import Finding, error
from newt_tunnel.settings.stack import Proof

#: Most bytes of all annotations of an object, names and values: TotalAnnotationSizeLimitB in
#: k8s.io/apimachinery/pkg/api/validation/objectmeta.go.
LONGEST_ANNOTATIONS = 256 * 1024
#: Most bytes of an object. etcd takes requests of 1.5 MiB (embed.DefaultMaxRequestBytes), which
#: include the API server's record of field managers.
LONGEST_OBJECT = 1024 * 1024
#: Bytes for annotations that the look-up does not know: owner, generation and the like.
_RESERVED = 1024


def policy_too_large(spec: Mapping[str, Any], annotations: Mapping[str, str]) -> Iterator[Finding]:
    """Yield errors if the API server would refuse newt's policy."""
    size = sum(len(f"{key}{value}".encode()) for key, value in annotations.items()) + _RESERVED
    if size > LONGEST_ANNOTATIONS:
        yield error(
            "egress",
            f"names, reasons and destinations take {size} bytes as annotations of the policy, and "
            f"Kubernetes takes {LONGEST_ANNOTATIONS}; shorten the longest `reason`, or write "
            "blocks (cidr) or port ranges instead of some entries",
        )
    size += len(json.dumps(spec).encode())
    if size > LONGEST_OBJECT:
        yield error(
            "egress",
            f"the policy takes {size} bytes, and Kubernetes stores {LONGEST_OBJECT} in one object; "
            "write blocks (cidr) or port ranges instead of some entries",
        )


def plan_too_long(plan: tuple[Probe, ...], mode: Proof) -> Iterator[Finding]:
    """Yield an error if the proof's Jobs could not start."""
    size = len(cluster_proof.render(plan).encode())
    if mode is not Proof.OFF and size > cluster_proof.LONGEST_PLAN:
        yield error(
            "egress",
            f"the proof has {len(plan)} things to try, in {size} bytes, and takes "
            f"{cluster_proof.LONGEST_PLAN}; write blocks (cidr) or port ranges instead of some, or "
            "share the list between several stacks",
        )
