"""``pangolin``: the server newt belongs to, and what newt needs of it."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from newt_tunnel.egress import model
from newt_tunnel.settings import shapes
from newt_tunnel.settings.endpoint import EXAMPLE, AnyPangolinUrl, Endpoint, PangolinUrl
from newt_tunnel.settings.errors import WhenMissing, refuse
from newt_tunnel.settings.nodes import CLOUD_NODES, AnyNodeList, NodeList, Nodes
from newt_tunnel.settings.pangolin_cloud import CLOUD
from newt_tunnel.settings.ports import EVERY_PROTOCOL, ProtocolPorts
from newt_tunnel.settings.section import Section, ShortForm
from newt_tunnel.settings.types import AnyAddress, Kind, PortAndProtocol, V4Address

_PROTOCOL_PORTS = TypeAdapter(tuple[PortAndProtocol, ...])
_Item = TypeVar("_Item")


def _each_once(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    if not items:
        raise refuse("is empty; leave the key out for its default")
    if len(set(items)) < len(items):
        raise refuse("has duplicates; write each once")
    return items


def _server_ports(value: object) -> tuple[ProtocolPorts, ...]:
    if isinstance(value, str) and value.lower() == str(EVERY_PROTOCOL):
        return (EVERY_PROTOCOL,)
    if not isinstance(value, list | tuple):
        raise refuse("is neither `all` nor a list; write it like [443/tcp, 51820/udp]")
    found = _each_once(_PROTOCOL_PORTS.validate_python(value))
    if EVERY_PROTOCOL in found and len(found) > 1:
        raise refuse("has ports and `all`; write only one of them")
    return found


ServerPorts = Annotated[
    tuple[ProtocolPorts, ...],
    PlainValidator(_server_ports),
    PlainSerializer(lambda found: [str(one) for one in found], return_type=list[str]),
    WithJsonSchema(shapes.SERVER_PORTS),
    Kind("list of `PORT/tcp` and `PORT/udp`, or `all`"),
]


_NODES = (
    "Where tunnels end. Omitted: at the endpoint's host. Names are resolved to public addresses "
    "only; private ones must be written. `cloud`: "
    f"{CLOUD}."
)
_PORTS = (
    "Ports that newt may open on the endpoint and on each node. Omitted: of the endpoint its own "
    "(443/tcp); of each node 51820/udp, 80/tcp if there are several, and 21820/udp while "
    "`newt.clients` is on. `all`: every protocol and port."
)
#: In place of the section.
_CLOUD = {"endpoint": f"https://{CLOUD.endpoint}", "nodes": CLOUD_NODES}


def in_full(written: object) -> object:
    """Return the section that the short form ``pangolin: cloud`` stands for."""
    return _CLOUD if written == CLOUD_NODES else written


SHORT_FORM = ShortForm(shapes.words([CLOUD_NODES]))


class Server(Section):
    """The checks between the section's values, on all platforms."""

    @field_validator("addresses", check_fields=False)
    @classmethod
    def _names_each_once(
        cls, value: tuple[model.Address, ...] | None
    ) -> tuple[model.Address, ...] | None:
        return None if value is None else _each_once(value)

    @field_validator("nodes", check_fields=False)
    @classmethod
    def _belong_to_the_endpoint(cls, value: Nodes | None, info: ValidationInfo) -> Nodes | None:
        endpoint: Endpoint | None = info.data.get("endpoint")
        if value and value.cloud and endpoint and endpoint.host != CLOUD.endpoint:
            raise refuse(
                f"`{CLOUD_NODES}` stands for the nodes of https://{CLOUD.endpoint}, and "
                f"pangolin.endpoint is {endpoint}; list that server's nodes, or leave the key out",
                value=CLOUD_NODES,
            )
        return value

    @field_validator("ports", check_fields=False)
    @classmethod
    def _reaches_the_endpoint(
        cls, value: tuple[ProtocolPorts, ...] | None, info: ValidationInfo
    ) -> tuple[ProtocolPorts, ...] | None:
        endpoint: Endpoint | None = info.data.get("endpoint")
        if (
            value is not None
            and endpoint is not None
            and not any(one.covers(endpoint.protocol_ports) for one in value)
        ):
            raise refuse(f"lacks {endpoint.protocol_ports}, the port of pangolin.endpoint; add it")
        return value


class Pangolin(Server):
    """The Pangolin server. What newt may do there is a rule called ``pangolin``."""

    endpoint: Annotated[PangolinUrl, WhenMissing(f"write the server's URL, like {EXAMPLE}")] = (
        Field(description="URL of the Pangolin server: `https://host` or `https://host:port`.")
    )
    addresses: (
        Annotated[
            tuple[V4Address, ...],
            WithJsonSchema(shapes.items(shapes.ADDRESS)),
            Kind("list of IPv4 addresses"),
        ]
        | None
    ) = Field(
        default=None,
        description="Addresses of the server. Omitted: the Docker host resolves the endpoint, to "
        "public addresses only. Private ones must be written here.",
    )
    nodes: NodeList | None = Field(default=None, description=_NODES)
    ports: ServerPorts | None = Field(default=None, description=_PORTS)


class ClusterPangolin(Server):
    """The Pangolin server as a cluster reaches it: over IPv6 too."""

    endpoint: Annotated[AnyPangolinUrl, WhenMissing(f"write the server's URL, like {EXAMPLE}")] = (
        Field(description="URL of the Pangolin server: `https://host` or `https://host:port`.")
    )
    addresses: (
        Annotated[
            tuple[AnyAddress, ...],
            WithJsonSchema(shapes.items(shapes.ANY_ADDRESS)),
            Kind("list of IP addresses"),
        ]
        | None
    ) = Field(
        default=None,
        description="Addresses of the server. Omitted: Pulumi resolves the endpoint where it "
        "runs, at every `pulumi up`, to public addresses only. Private ones must be written here.",
    )
    nodes: AnyNodeList | None = Field(default=None, description=_NODES)
    ports: ServerPorts | None = Field(default=None, description=_PORTS)
