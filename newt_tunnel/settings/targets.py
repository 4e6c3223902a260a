"""Entries of ``egress`` and ``mustNotReach`` in a cluster: pods, a Service, or what lies outside.

``entries`` owns the short form and its names. The target of an entry is looked up in the cluster;
``checks`` compares entries as far as the file allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from ipaddress import ip_network
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from newt_tunnel.egress.model import (
    CLUSTER_RESERVED_NAMES,
    HostName,
    Labels,
    Network,
    Pods,
    PortRange,
    Protocol,
)
from newt_tunnel.settings.addresses import is_wide
from newt_tunnel.settings.cluster_types import (
    DnsLabel,
    PodLabels,
    PodPorts,
    ServiceName,
    ServiceRef,
    TargetName,
    TargetPorts,
)
from newt_tunnel.settings.entries import Entry, NamedEntry
from newt_tunnel.settings.errors import WhenMissing, refuse
from newt_tunnel.settings.types import AnyCidr, AnyHost, Reason, Switch, TransportProtocol

#: What an entry can mean.
Meaning = Pods | ServiceRef | Network | HostName


class Target(NamedEntry):
    """One target. Exactly one of ``namespace``, ``service``, ``host`` and ``cidr``."""

    model_config = ConfigDict(json_schema_extra={"dependencies": {"labels": ["namespace"]}})

    misplaced: ClassVar[Mapping[str, str]] = {
        "container": "names a container on a Docker host, and this platform is kubernetes; write "
        "`service: NAMESPACE/NAME` instead"
    }
    means: ClassVar[tuple[str, ...]] = ("service", "namespace", "host", "cidr")
    forms: ClassVar[str] = (
        "{name, namespace, labels, port}, {name, service, port}, {name, host, port}, "
        "{name, cidr, port}"
    )
    reserved: ClassVar[Set[str]] = CLUSTER_RESERVED_NAMES

    name: Annotated[TargetName, WhenMissing("write a name, like `name: gitea`")] = Field(
        description="Name in every rule, diff and report. Unique. The names of built-in rules and "
        "probes, like `dns` and `pangolin`, are reserved."
    )
    service: ServiceName | None = Field(
        default=None,
        description="A Service. Its pods and their port are looked up.",
    )
    namespace: DnsLabel | None = Field(default=None, description="Namespace of the target's pods.")
    labels: PodLabels | None = Field(
        default=None,
        description="Labels of the target's pods. Omitted: every pod of the namespace.",
    )
    host: AnyHost | None = Field(
        default=None,
        description="Address or full name outside the cluster. A name is resolved where Pulumi "
        "runs, at every `pulumi up`.",
    )
    wide: Switch = Field(
        default=False,
        description="Whether `cidr` may be as large as a whole private network, or hold the "
        "cluster's own ranges. These ranges, link-local and the Kubernetes API stay blocked.",
    )
    cidr: AnyCidr | None = Field(
        default=None, description="Block of addresses outside the cluster."
    )
    port: Annotated[PodPorts, WhenMissing("write the port, like `port: 3000`")] = Field(
        description="For a Service its own port; for pods the port on which they listen, or its "
        "name; otherwise the port that newt dials."
    )
    protocol: TransportProtocol = Field(default=Protocol.TCP, description="Case-insensitive.")
    reason: Reason | None = Field(
        default=None,
        description="Why newt needs it, for reviewers. Appears in the stack's outputs and the "
        "policy's annotations, and silences the policy pack's advice.",
    )

    @classmethod
    def completed(cls, given: dict[str, object]) -> dict[str, object]:
        # The validator of the block then runs although no block is written.
        unseen = {"cidr": None} if "wide" in given else {}
        return unseen | super().completed(given)

    @field_validator("service", mode="before")
    @classmethod
    def _is_given(cls, value: object) -> object:
        if value is None:
            raise refuse(
                "write the target, `service: gitea/gitea`, `namespace: gitea` with `labels`, "
                "`host: 10.0.1.50` or `cidr: 10.0.1.0/24`",
                value="(missing)",
            )
        return value

    @field_validator("namespace", "host", "cidr")
    @classmethod
    def _is_alone(cls, value: object, info: ValidationInfo) -> object:
        for other in cls.means:
            there = info.data.get(other)
            if value is not None and there is not None:
                raise refuse(f"is set together with {other} {there}; keep one of the two")
        return value

    @field_validator("labels")
    @classmethod
    def _belong_to_pods(cls, value: Labels | None, info: ValidationInfo) -> Labels | None:
        if value is not None and "namespace" in info.data and info.data["namespace"] is None:
            raise refuse("has no `namespace`; add it")
        return value

    @field_validator("port")
    @classmethod
    def _suits_the_target(cls, value: TargetPorts, info: ValidationInfo) -> TargetPorts:
        if value.names and (info.data.get("host") or info.data.get("cidr")):
            raise refuse("is a name, and only pods and Services have named ports; write a number")
        if info.data.get("service") and any(not ports.is_single for ports in value.ranges):
            raise refuse("is a range, and a Service has single ports; list them")
        return value

    @field_validator("cidr")
    @classmethod
    def _is_no_wider_than_meant(cls, value: Network | None, info: ValidationInfo) -> Network | None:
        wide = info.data.get("wide", True)
        if value is None and info.data.get("wide"):
            raise refuse(
                "applies to a block; write the target as `cidr:`, or remove `wide`",
                value="(missing)",
            )
        if value is not None and not wide and is_wide(value):
            raise refuse(
                "is a whole network or more; write narrower blocks, or `wide: true` if it is "
                "intended"
            )
        return value

    @property
    def meaning(self) -> Meaning:
        """The target as the file says it."""
        if self.service is not None:
            return self.service
        if self.namespace is not None:
            return Pods(self.namespace, self.labels or ())
        if self.cidr is not None:
            return self.cidr
        assert self.host is not None, "validated: one of the four is set"
        return self.host if isinstance(self.host, str) else ip_network(self.host)

    @property
    def ranges(self) -> tuple[PortRange, ...]:
        return self.port.ranges

    @property
    def port_names(self) -> tuple[str, ...]:
        return self.port.names


#: An entry on either platform.
AnyEntry = Entry | Target
#: An entry with the key it has in the file: ``egress[2]``.
Keyed = tuple[str, AnyEntry]
