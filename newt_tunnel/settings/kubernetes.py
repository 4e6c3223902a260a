"""``kubernetes``: the cluster, how it is reached, and how newt's chart is installed there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from newt_tunnel.egress.model import DNS_PORT, Address, Labels
from newt_tunnel.settings import ports, shapes
from newt_tunnel.settings.addresses import is_private
from newt_tunnel.settings.cluster_types import (
    ContextName,
    DnsLabel,
    PodLabels,
    ServiceRef,
    service_ref,
)
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.families import IN_CLUSTER
from newt_tunnel.settings.section import Section
from newt_tunnel.settings.types import Kind, Port, Switch, text_matching

#: What Kubernetes allows the name of a namespace.
_LONGEST_NAMESPACE = 63
_CONTROL_SUFFIX = "-control"
#: These belong to the cluster, and our policies close newt's whole namespace.
_TAKEN_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")

_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_EXAMPLE_VERSION = "1.5.0"
_REPOSITORY = re.compile(r"(https?|oci)://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_PATH = re.compile(r"(\.{0,2}/)[A-Za-z0-9._/-]+")
_OCI = "oci://"
_USUAL_REPOSITORY = "https://charts.fossorial.io"
_SIZE = r"[1-9][0-9]{0,6}(Ki|Mi|Gi|Ti|k|M|G|T)"


def _version(value: object) -> str:
    if isinstance(value, str) and _VERSION.fullmatch(value):
        return value
    if value == "*" or (isinstance(value, str) and re.search(r"[*^~<>=x|, ]", value)):
        raise refuse(
            "is a range, and the chart's security settings change from "
            f"version to version; pin one, like {_EXAMPLE_VERSION}"
        )
    raise refuse(f"is not a version of three numbers; pin one, like {_EXAMPLE_VERSION}, in quotes")


def _repository(value: object) -> str:
    if not isinstance(value, str) or not (_REPOSITORY.fullmatch(value) or _PATH.fullmatch(value)):
        raise refuse(
            f"is not a chart repository; write a URL like {_USUAL_REPOSITORY}, an OCI reference "
            "like oci://ghcr.io/fosrl/helm-charts, or a path like ./charts/newt"
        )
    if value.startswith("http://") and not _is_nearby(value):
        raise refuse(
            "has no TLS, so the chart could be replaced on its way; write https:// (http:// is "
            "for a private address)"
        )
    return value


def _is_nearby(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return is_private(IN_CLUSTER.resolver(host))
    except PydanticCustomError:
        # A name, or loopback.
        return host in ("localhost", "127.0.0.1")


class Chart(Section):
    """newt's Helm chart, in one version."""

    repository: Annotated[
        str,
        PlainValidator(_repository),
        WithJsonSchema(shapes.text(f"{_REPOSITORY.pattern}|{_PATH.pattern}")),
        Kind("URL, `oci://` reference or path"),
    ] = Field(
        default=_USUAL_REPOSITORY,
        description="Chart repository, OCI reference or local folder.",
    )
    name: DnsLabel = Field(default="newt", description="Name of the chart in the repository.")
    version: Annotated[
        str,
        PlainValidator(_version),
        WithJsonSchema({"type": "string", "pattern": f"^{_VERSION.pattern}$"}),
        Kind("version"),
    ] = Field(
        default=_EXAMPLE_VERSION,
        description="Exact version. A range or `*` is refused.",
    )

    @property
    def is_oci(self) -> bool:
        return self.repository.startswith(_OCI)

    @property
    def is_local(self) -> bool:
        return "://" not in self.repository


_CLASS = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
StorageClass = Annotated[
    str,
    PlainValidator(
        text_matching(
            _CLASS, "is not the name of a storage class; kubectl get storageclass lists them"
        )
    ),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLASS}$"}),
    Kind("name of a storage class"),
]


class Storage(Section):
    """Volume for newt's configuration."""

    size: Annotated[
        str,
        PlainValidator(text_matching(_SIZE, "is not a size; write it like 64Mi")),
        WithJsonSchema({"type": "string", "pattern": f"^{_SIZE}$"}),
        Kind("size"),
    ] = Field(default="64Mi", description="Size of newt's volume.")
    storage_class: StorageClass | None = Field(
        default=None,
        alias="class",
        description="Storage class. Omitted: the cluster's default.",
    )
    enabled: Switch = Field(
        default=True,
        description="Whether newt has a volume.",
    )


class ClusterDns(Section):
    """The pods that answer DNS."""

    namespace: DnsLabel = Field(
        default="kube-system", description="Namespace of the cluster's DNS pods."
    )
    labels: PodLabels = Field(
        default=(("k8s-app", "kube-dns"),),
        description="Labels of the DNS pods. It is an error if no pod has them.",
    )
    port: Port = Field(
        default=DNS_PORT, description="Port on which the DNS pods listen, TCP and UDP."
    )

    @field_validator("labels")
    @classmethod
    def _select_something(cls, value: Labels) -> Labels:
        if not value:
            raise refuse(
                "would open DNS to every pod of the namespace; write the DNS pods' labels, like "
                "{k8s-app: kube-dns}"
            )
        return value


@dataclass(frozen=True)
class Canary:
    """A target that always listens and that newt may never reach."""

    at: Address | ServiceRef
    port: int

    def __str__(self) -> str:
        if isinstance(self.at, ServiceRef) or self.at.version == 4:
            return f"{self.at}:{self.port}"
        return f"[{self.at}]:{self.port}"


def _canary(value: object) -> Canary:
    if isinstance(value, Canary):
        return value
    where, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not colon:
        raise refuse(
            "is not ADDRESS:PORT or NAMESPACE/SERVICE:PORT; write it like 10.43.0.10:9153 or "
            "kube-system/kube-dns:9153"
        )
    at = service_ref(where) if "/" in where else IN_CLUSTER.address(where)
    return Canary(at, ports.port(port))


class Kubernetes(Section):
    """A Kubernetes cluster."""

    context: ContextName | None = Field(
        default=None,
        description="Context of the kubeconfig. Required unless `kubeconfig` is set.",
    )
    namespace: DnsLabel = Field(
        default="newt-tunnel",
        description="newt's own namespace; nothing else may use it. The proof's control runs in "
        "NAME-control, so up to 55 characters.",
    )
    chart: Chart = Field(default=Chart(), description="newt's Helm chart.")
    storage: Storage = Field(default=Storage(), description="newt's volume.")
    cluster_dns: ClusterDns = Field(
        default=ClusterDns(), description="The cluster's DNS pods, for `dns: cluster`."
    )
    gate_canary: (
        Annotated[
            Canary,
            PlainValidator(_canary),
            PlainSerializer(str, return_type=str),
            WithJsonSchema(shapes.text(rf"\S+{shapes.PORT_SUFFIX}")),
            Kind("`ADDRESS:PORT` or `NAMESPACE/SERVICE:PORT`"),
        ]
        | None
    ) = Field(
        default=None,
        description="Port of a pod that always listens and is never allowed. newt's gate waits "
        "until it is blocked. Omitted: the metrics port of the DNS pods.",
    )
    accept_node_access: Switch = Field(
        default=False,
        description="Accept that this cluster's enforcer lets newt reach its own node or the "
        "Kubernetes API.",
    )

    @field_validator("namespace")
    @classmethod
    def _is_newts_own(cls, value: str) -> str:
        if value in _TAKEN_NAMESPACES:
            raise refuse(
                "belongs to the cluster, and the policies close newt's whole namespace; write a "
                "namespace of its own, like newt-tunnel"
            )
        longest = _LONGEST_NAMESPACE - len(_CONTROL_SUFFIX)
        if len(value) > longest:
            raise refuse(
                f"has {len(value)} characters, and with {_CONTROL_SUFFIX} for the proof's control "
                f"it would be more than {_LONGEST_NAMESPACE}; write at most {longest}"
            )
        return value

    @property
    def control_namespace(self) -> str:
        """The namespace of the proof's control, where no policy of ours applies."""
        return f"{self.namespace}{_CONTROL_SUFFIX}"
