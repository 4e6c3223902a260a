"""``dns``: the only resolvers newt may ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, WithJsonSchema

from newt_tunnel.egress import model
from newt_tunnel.settings import shapes
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.families import IN_CLUSTER
from newt_tunnel.settings.types import Kind, V4Address

NONE = "none"
ANY = "any"
CLUSTER = "cluster"


@dataclass(frozen=True)
class Dns:
    """The resolvers that newt may ask: the listed ones, with ``cluster`` the cluster's own too,
    with ``anywhere`` all of them.
    """

    resolvers: tuple[model.Address, ...] = ()
    anywhere: bool = False
    cluster: bool = False

    @property
    def is_none(self) -> bool:
        """Whether newt may ask no resolver."""
        return not (self.resolvers or self.anywhere or self.cluster)


_RESOLVERS = TypeAdapter(tuple[V4Address, ...])


def _dns(value: object) -> Dns:
    if isinstance(value, Dns):
        return value
    if value == NONE:
        return Dns()
    if value == ANY:
        return Dns(anywhere=True)
    if not isinstance(value, list | tuple):
        raise refuse(f"write the resolvers as a list, like [10.0.1.53], or `{NONE}`, or `{ANY}`")
    resolvers = _RESOLVERS.validate_python(value)
    if not resolvers:
        raise refuse(f"names no resolver; write `{NONE}` for no DNS at all")
    if len(set(resolvers)) < len(resolvers):
        raise refuse("has a resolver twice; write each once")
    return Dns(resolvers)


_IN_CLUSTER: TypeAdapter[tuple[Any, ...]] = TypeAdapter(
    tuple[
        Annotated[
            Any,
            PlainValidator(lambda value: value if value == CLUSTER else IN_CLUSTER.resolver(value)),
        ],
        ...,
    ]
)


def _cluster_dns(value: object) -> Dns:
    if isinstance(value, Dns):
        return value
    if value == CLUSTER:
        return Dns(cluster=True)
    if value == NONE:
        return Dns()
    if value == ANY:
        # A block matches no pod, so `any` needs the cluster's DNS pods as well.
        return Dns(anywhere=True, cluster=True)
    if not isinstance(value, list | tuple):
        raise refuse(
            f"write `{CLUSTER}`, `{NONE}`, `{ANY}`, or a list like [169.254.20.10] for a "
            "node-local cache"
        )
    listed = _IN_CLUSTER.validate_python(value)
    if not listed:
        raise refuse(f"names no resolver; write `{NONE}` for no DNS at all")
    if len(set(listed)) < len(listed):
        raise refuse("has a resolver twice; write each once")
    return Dns(tuple(item for item in listed if item != CLUSTER), cluster=CLUSTER in listed)


def _written_for_cluster(dns: Dns) -> str | list[str]:
    if dns.anywhere:
        return ANY
    if dns.cluster and not dns.resolvers:
        return CLUSTER
    return [*([CLUSTER] if dns.cluster else []), *map(str, dns.resolvers)] or NONE


def _written(dns: Dns) -> str | list[str]:
    if dns.anywhere:
        return ANY
    return [str(resolver) for resolver in dns.resolvers] or NONE


Resolvers = Annotated[
    Dns,
    PlainValidator(_dns),
    PlainSerializer(_written, return_type=str | list[str]),
    WithJsonSchema(
        {
            "anyOf": [
                shapes.items(shapes.ADDRESS),
                shapes.words([NONE, ANY]),
            ]
        }
    ),
    Kind("list of IPv4 addresses, `none` or `any`"),
]

ClusterResolvers = Annotated[
    Dns,
    PlainValidator(_cluster_dns),
    PlainSerializer(_written_for_cluster, return_type=str | list[str]),
    WithJsonSchema(
        {
            "anyOf": [
                shapes.items({"anyOf": [shapes.words([CLUSTER]), shapes.ANY_ADDRESS]}),
                shapes.words([CLUSTER, NONE, ANY]),
            ]
        }
    ),
    Kind("`cluster`, `none`, `any`, or list of IP addresses and `cluster`"),
]
