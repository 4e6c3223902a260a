"""``pangolin.nodes``: where tunnels end, if not at the endpoint's own host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, WithJsonSchema

from newt_tunnel.egress.model import Address, HostName
from newt_tunnel.settings import shapes
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.families import IN_CLUSTER, ON_DOCKER_HOST, Families
from newt_tunnel.settings.pangolin_cloud import CLOUD
from newt_tunnel.settings.types import Kind

#: In place of a list, or in it: the documented nodes of Pangolin Cloud.
CLOUD_NODES = "cloud"


@dataclass(frozen=True)
class Nodes:
    """The nodes in the order of the file."""

    listed: tuple[Address | HostName, ...] = ()
    cloud: bool = False

    @property
    def hosts(self) -> tuple[Address | HostName, ...]:
        return (*(CLOUD.nodes if self.cloud else ()), *self.listed)


def _nodes(families: Families) -> Callable[[object], Nodes]:
    def one(value: object) -> Address | HostName | None:
        return None if value == CLOUD_NODES else families.host(value)

    items: TypeAdapter[tuple[Any, ...]] = TypeAdapter(
        tuple[Annotated[Any, PlainValidator(one)], ...]
    )

    def check(value: object) -> Nodes:
        if isinstance(value, Nodes):
            return value
        if value == CLOUD_NODES:
            return Nodes(cloud=True)
        if not isinstance(value, list | tuple):
            raise refuse(
                f"is neither `{CLOUD_NODES}` nor a list; write it like [203.0.113.20] or "
                f"[{CLOUD.nodes[0]}]"
            )
        read = items.validate_python(value)
        if not read:
            raise refuse("is empty; leave the key out if tunnels end at pangolin.endpoint")
        listed = tuple(item for item in read if item is not None)
        found = Nodes(listed, cloud=len(listed) < len(read))
        if len(set(read)) < len(read):
            raise refuse("has duplicates; write each once")
        if again := next((host for host in listed if found.hosts.count(host) > 1), None):
            raise refuse(f"has {again}, which is one of `{CLOUD_NODES}`; write only one of them")
        return found

    return check


def _written(nodes: Nodes) -> str | list[str]:
    if nodes.cloud and not nodes.listed:
        return CLOUD_NODES
    return [*([CLOUD_NODES] if nodes.cloud else []), *map(str, nodes.listed)]


def _shape(host: shapes.Shape) -> shapes.Shape:
    word = shapes.words([CLOUD_NODES])
    return {"anyOf": [word, shapes.items({"anyOf": [word, host]})]}


NodeList = Annotated[
    Nodes,
    PlainValidator(_nodes(ON_DOCKER_HOST)),
    PlainSerializer(_written, return_type=str | list[str]),
    WithJsonSchema(_shape(shapes.HOST)),
    Kind("`cloud`, or list of IPv4 addresses, host names and `cloud`"),
]

AnyNodeList = Annotated[
    Nodes,
    PlainValidator(_nodes(IN_CLUSTER)),
    PlainSerializer(_written, return_type=str | list[str]),
    WithJsonSchema(_shape(shapes.ANY_HOST)),
    Kind("`cloud`, or list of IP addresses, host names and `cloud`"),
]
