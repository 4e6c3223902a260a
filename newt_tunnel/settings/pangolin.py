"""``pangolin``: the server newt belongs to, and what newt needs of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
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
from pydantic_core import PydanticCustomError

from newt_tunnel.egress import model
from newt_tunnel.egress.model import HostName, PortRange, Protocol
from newt_tunnel.findings import shown
from newt_tunnel.settings import shapes
from newt_tunnel.settings.errors import WhenMissing, refuse
from newt_tunnel.settings.families import IN_CLUSTER, ON_DOCKER_HOST, Families
from newt_tunnel.settings.ports import EVERY_PROTOCOL, ProtocolPorts
from newt_tunnel.settings.ports import port as port_of
from newt_tunnel.settings.section import Section
from newt_tunnel.settings.types import AnyAddress, Kind, PortAndProtocol, V4Address

HTTPS_PORT = 443
#: WireGuard of the site's tunnel, and hole punching and relay for clients.
TUNNEL = ProtocolPorts(Protocol.UDP, PortRange.single(51820))
CLIENTS = ProtocolPorts(Protocol.UDP, PortRange.single(21820))

_EXAMPLE = "https://pangolin.example.com"
_SCHEME = "https://"
_ANY_SCHEME = f"({shapes.in_any_case(['https'])})://"
_URL_END = f"({shapes.PORT_SUFFIX})?/?"


@dataclass(frozen=True)
class Endpoint:
    """The URL from which newt gets its token and opens its web socket."""

    host: model.Address | HostName
    port: int = HTTPS_PORT

    @property
    def protocol_ports(self) -> ProtocolPorts:
        return ProtocolPorts(Protocol.TCP, PortRange.single(self.port))

    def __str__(self) -> str:
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return f"{_SCHEME}{host}" + ("" if self.port == HTTPS_PORT else f":{self.port}")


def _endpoint(value: object) -> Endpoint:
    if isinstance(value, str) and re.match(r"https://\[", value, re.IGNORECASE):
        raise refuse("is IPv6, and newt's bridge drops all IPv6; write a name or an IPv4 address")
    return _read_endpoint(value, ON_DOCKER_HOST)


def _any_endpoint(value: object) -> Endpoint:
    return _read_endpoint(value, IN_CLUSTER)


def _read_endpoint(value: object, families: Families) -> Endpoint:
    if isinstance(value, Endpoint):
        return value
    if not isinstance(value, str):
        raise refuse(f"is not a URL; write it like {_EXAMPLE}")
    scheme, separator, rest = value.partition("://")
    if not separator or scheme.lower() != "https":
        raise refuse(
            f"does not start with {_SCHEME}, and without TLS id and secret can be read; write "
            f"{_EXAMPLE}"
        )
    authority, _, path = rest.partition("/")
    if "@" in rest:
        raise refuse(
            "contains a user name; newt logs in with newtId and newtSecret, write host and port "
            "only"
        )
    if path or re.search(r"[?#]", authority):
        raise refuse("has a path; newt adds its own, write host and port only")
    # The colons of an IPv6 address are in brackets.
    host, colon, port = authority.partition(":")
    if found := re.fullmatch(r"(\[[^\]]*\])(?:(:)(.*))?", authority):
        host, colon, port = found[1], found[2] or "", found[3] or ""
    try:
        return Endpoint(families.host(host), port_of(port) if colon else HTTPS_PORT)
    except PydanticCustomError as error:
        # The remedy is about a part, and the message shows the whole value.
        raise refuse(f"{shown(authority)} {(error.context or {})['remedy']}") from None


PangolinUrl = Annotated[
    Endpoint,
    PlainValidator(_endpoint),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(shapes.text(rf"{_ANY_SCHEME}({shapes.IPV4}|{shapes.NAME}){_URL_END}")),
    Kind("https URL"),
]


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


AnyPangolinUrl = Annotated[
    Endpoint,
    PlainValidator(_any_endpoint),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(shapes.text(rf"{_ANY_SCHEME}({shapes.IPV4}|\[.+\]|{shapes.NAME}){_URL_END}")),
    Kind("https URL"),
]


class Server(Section):
    """The checks between the section's values, on all platforms."""

    @field_validator("addresses", check_fields=False)
    @classmethod
    def _names_each_once(
        cls, value: tuple[model.Address, ...] | None
    ) -> tuple[model.Address, ...] | None:
        return None if value is None else _each_once(value)

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

    endpoint: Annotated[PangolinUrl, WhenMissing(f"write the server's URL, like {_EXAMPLE}")] = (
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
    ports: ServerPorts | None = Field(
        default=None,
        description="Ports that newt may open on the server. Omitted: the endpoint's port "
        "(443/tcp) and 51820/udp, and 21820/udp while `newt.clients` is on. `all`: every "
        "protocol and port.",
    )


class ClusterPangolin(Server):
    """The Pangolin server as a cluster reaches it: over IPv6 too."""

    endpoint: Annotated[AnyPangolinUrl, WhenMissing(f"write the server's URL, like {_EXAMPLE}")] = (
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
    ports: ServerPorts | None = Field(
        default=None,
        description="Ports that newt may open on the server. Omitted: the endpoint's port "
        "(443/tcp) and 51820/udp, and 21820/udp while `newt.clients` is on. `all`: every "
        "protocol and port.",
    )
