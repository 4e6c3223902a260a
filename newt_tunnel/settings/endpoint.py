"""``pangolin.endpoint``: the URL of the Pangolin server, on both platforms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from newt_tunnel.egress import model
from newt_tunnel.egress.model import HostName, PortRange, Protocol
from newt_tunnel.findings import shown
from newt_tunnel.settings import shapes
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.families import IN_CLUSTER, ON_DOCKER_HOST, Families
from newt_tunnel.settings.ports import ProtocolPorts
from newt_tunnel.settings.ports import port as port_of
from newt_tunnel.settings.types import Kind

HTTPS_PORT = 443

EXAMPLE = "https://pangolin.example.com"
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
        raise refuse(f"is not a URL; write it like {EXAMPLE}")
    scheme, separator, rest = value.partition("://")
    if not separator or scheme.lower() != "https":
        raise refuse(
            f"does not start with {_SCHEME}, and without TLS id and secret can be read; write "
            f"{EXAMPLE}"
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

AnyPangolinUrl = Annotated[
    Endpoint,
    PlainValidator(_any_endpoint),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(shapes.text(rf"{_ANY_SCHEME}({shapes.IPV4}|\[.+\]|{shapes.NAME}){_URL_END}")),
    Kind("https URL"),
]
