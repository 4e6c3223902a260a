"""Cilium's own record of refused and allowed connections: flows of Hubble as JSON, one per line.

``hubble observe --output json`` and Cilium's exporter write it. The names of the fields are those
of Cilium's API (``api/v1/flow/flow.proto``, 1.15).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from newt_tunnel.egress.model import Address, Labels, Pods, Protocol
from newt_tunnel.tools.suggest.attempts import TELLING_LABELS, Attempt, NotUnderstoodError

_DROPPED, _FORWARDED, _EGRESS = "DROPPED", "FORWARDED", "EGRESS"
#: No policy allows it; one forbids it. Older versions have the numbers alone.
_DENIED = frozenset({"POLICY_DENIED", "POLICY_DENY", 133, 181})
_TRANSPORTS = {"TCP": Protocol.TCP, "UDP": Protocol.UDP}
_OF_PODS = "k8s:"
_OF_CILIUM = "reserved:"
_NAMESPACE = "k8s:io.kubernetes.pod.namespace="
#: Targets that are neither pods nor outside: nodes, and the API server.
_ENTITIES = frozenset({"host", "remote-node", "kube-apiserver", "health", "ingress", "init"})
_LABEL = re.compile(r"[A-Za-z0-9:._/=-]{1,500}")
#: A packet that a policy drops is reported twice, as a verdict and as a drop. Of an allowed
#: connection the first packet has a verdict.
_VERDICT_EVENT = 5

Flow = Mapping[str, Any]


def attempts(lines: Iterable[str], namespace: str, now: datetime) -> Iterator[Attempt]:
    """Yield what the pods in ``namespace`` were refused, one per flow. Raises
    ``NotUnderstoodError``.
    """
    return _read(lines, lambda flow: _is_refused(flow, namespace), now)


def connections(lines: Iterable[str], namespace: str, now: datetime) -> Iterator[Attempt]:
    """Yield what the policy of the pods in ``namespace`` allowed, one per connection. Raises
    ``NotUnderstoodError``.
    """
    return _read(lines, lambda flow: _is_allowed(flow, namespace), now)


def _read(
    lines: Iterable[str], is_wanted: Callable[[Flow], bool], now: datetime
) -> Iterator[Attempt]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            message = json.loads(line)
            flow = message.get("flow", {})
            if not is_wanted(flow):
                continue
            yield from _attempts(flow, now)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotUnderstoodError(
                f"line {number}: not a flow of Hubble in JSON ({type(error).__name__}); "
                "write them by hubble observe --output json"
            ) from None


def _is_refused(flow: Flow, namespace: str) -> bool:
    return (
        flow.get("verdict") == _DROPPED
        and bool(_DENIED & {flow.get("drop_reason_desc"), flow.get("drop_reason")})
        and flow.get("event_type", {}).get("type") != _VERDICT_EVENT
        and _goes_out(flow, namespace)
    )


def _is_allowed(flow: Flow, namespace: str) -> bool:
    return (
        flow.get("verdict") == _FORWARDED
        and flow.get("event_type", {}).get("type") == _VERDICT_EVENT
        and _goes_out(flow, namespace)
    )


def _goes_out(flow: Flow, namespace: str) -> bool:
    source = flow.get("source", {})
    return flow.get("traffic_direction") == _EGRESS and source.get("namespace") == namespace


def _attempts(flow: Flow, now: datetime) -> Iterator[Attempt]:
    """Yield nothing for protocols without ports: no entry could allow them."""
    for name, ports in flow.get("l4", {}).items():
        if name in _TRANSPORTS:
            labels = flow.get("destination", {}).get("labels", [])
            yield Attempt(
                destination=_destination(labels, ip_address(flow["IP"]["destination"])),
                protocol=_TRANSPORTS[name],
                port=int(ports["destination_port"]),
                packets=1,
                ago=max(0, int((now - _time(flow["time"])).total_seconds())),
                entity=_entity(labels),
            )


def _time(text: str) -> datetime:
    # Nanoseconds are more than Python reads.
    return datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)


def _destination(labels: Iterable[str], address: Address) -> Address | Pods:
    """Pods where Cilium knows them: a policy cannot name a pod's address."""
    found = [*labels]
    if odd := [label for label in found if not _LABEL.fullmatch(label)]:
        raise ValueError(f"{len(odd)} labels that no pod can have")
    for label in found:
        if label.startswith(_NAMESPACE):
            return Pods(label.removeprefix(_NAMESPACE), _telling(found))
    return address


def _telling(labels: Iterable[str]) -> Labels:
    own = dict(
        label.removeprefix(_OF_PODS).split("=", 1)
        for label in labels
        if label.startswith(_OF_PODS) and "=" in label
    )
    return tuple(sorted((key, own[key]) for key in TELLING_LABELS if key in own))


def _entity(labels: Iterable[str]) -> str:
    names = {label.removeprefix(_OF_CILIUM) for label in labels if label.startswith(_OF_CILIUM)}
    return ", ".join(sorted(names & _ENTITIES))
