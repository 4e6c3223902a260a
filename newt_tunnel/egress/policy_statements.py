"""The spec of a NetworkPolicy as single statements, to compare two specs and to describe the
difference.

Takes any spec: rendered here, read back, or written by others. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]

#: The label that every namespace carries by itself, with its own name.
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_FINGERPRINT_LENGTH = 8
#: Which field of a rule holds its peers.
_PEERS = {"ingress": "from", "egress": "to"}


@dataclass(frozen=True)
class Statement:
    """Which pods a spec is for, or one peer and one port that it opens. ``fingerprint`` identifies
    the content, independent of the wording.
    """

    text: str
    fingerprint: str


def statements(spec: Spec) -> tuple[Statement, ...]:
    """Yield the statements of ``spec``: first its pods, then what it opens, in its own order."""
    selector, types = spec.get("podSelector") or {}, spec.get("policyTypes") or []
    return (
        _statement(f"for pods {_selected(selector)} ({', '.join(types)})", [selector, types]),
        *opened(spec),
    )


def opened(spec: Spec) -> tuple[Statement, ...]:
    """Yield what ``spec`` opens. A rule without peers is for every peer, without ports for all
    ports.
    """
    return tuple(
        _statement(f"{direction} {word} {_peer(peer)} {_port(port)}", [direction, peer, port])
        for direction, word in _PEERS.items()
        for rule in spec.get(direction) or ()
        for peer in rule.get(word) or (None,)
        for port in rule.get("ports") or (None,)
    )


def _statement(text: str, content: object) -> Statement:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return Statement(text, hashlib.sha256(canonical.encode()).hexdigest()[:_FINGERPRINT_LENGTH])


def _peer(peer: Spec | None) -> str:
    if peer is None:
        return "everywhere"
    if block := peer.get("ipBlock"):
        holes = ",".join(block.get("except") or ())
        return f"{block['cidr']} except {holes}" if holes else str(block["cidr"])
    return f"{_namespace(peer.get('namespaceSelector'))}/{_selected(peer.get('podSelector') or {})}"


def _namespace(selector: Spec | None) -> str:
    if selector is None:
        return "(own namespace)"
    labels = selector.get("matchLabels") or {}
    if selector.keys() == {"matchLabels"} and labels.keys() == {NAMESPACE_LABEL}:
        return str(labels[NAMESPACE_LABEL])
    return _selected(selector)


def _selected(selector: Spec) -> str:
    """Return the selector as ``kubectl --selector`` takes it; `*` for everything."""
    return ",".join(_requirements(selector)) or "*"


def _requirements(selector: Spec) -> Iterator[str]:
    for key, value in sorted((selector.get("matchLabels") or {}).items()):
        yield f"{key}={value}"
    for expression in selector.get("matchExpressions") or ():
        key, operator = expression["key"], expression["operator"]
        values = ",".join(expression.get("values") or ())
        match operator:
            case "Exists":
                yield str(key)
            case "DoesNotExist":
                yield f"!{key}"
            case _:
                yield f"{key} {operator.lower()} ({values})"


def _port(port: Spec | None) -> str:
    if port is None:
        return "all ports"
    number, last = port.get("port", "all"), port.get("endPort")
    return f"{number}{f'-{last}' if last else ''}/{port.get('protocol', 'TCP').lower()}"
