"""Types of values in the stack file: one alias per kind.

Each has its check, its JSON schema and its name in the table. Every string that ends up in a rule,
a command or a file passes an allow-list, so that nothing downstream has to quote. Leaves out checks
that need a second field.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, TypeVar

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from newt_tunnel.egress.model import HostName, PortRange, Protocol
from newt_tunnel.findings import NOT_SHOWN
from newt_tunnel.settings import ports, shapes
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.families import IN_CLUSTER, ON_DOCKER_HOST

_Enum = TypeVar("_Enum", bound=enum.Enum)


@dataclass(frozen=True)
class Kind:
    """The name of a type in docs/configuration.md."""

    text: str


def text_matching(pattern: str, remedy: str) -> Callable[[object], str]:
    """Return a validator for text that matches ``pattern`` as a whole."""
    allowed = re.compile(pattern, re.ASCII)

    def check(value: object) -> str:
        if not isinstance(value, str) or not allowed.fullmatch(value):
            raise refuse(remedy)
        return value

    return check


def one_of(
    choices: Iterable[_Enum], *, fold: Callable[[str], str] = str
) -> Callable[[object], _Enum]:
    """A validator for the values of an enum, or for some of them."""
    members = tuple(choices)

    def check(value: object) -> _Enum:
        for member in members:
            if value is member or (isinstance(value, str) and fold(value) == member.value):
                return member
        raise refuse(f"write one of {', '.join(str(member.value) for member in members)}")

    return check


def choice(
    choices: Iterable[enum.Enum], *, fold: Callable[[str], str] = str
) -> tuple[PlainValidator, PlainSerializer, WithJsonSchema, Kind]:
    """All that makes an enum a type of the stack file, to be unpacked into ``Annotated``."""
    members = tuple(choices)
    values = [str(member.value) for member in members]
    *most, last = (f"`{value}`" for value in values)
    return (
        PlainValidator(one_of(members, fold=fold)),
        PlainSerializer(_value_of, return_type=str),
        WithJsonSchema(shapes.words(values, any_case=fold is not str)),
        Kind(f"{', '.join(most)} or {last}" if most else last),
    )


def _value_of(member: enum.Enum) -> str:
    return str(member.value)


def whole_number(lowest: int, highest: int, unit: str) -> Callable[[object], int]:
    """A validator for a number, also in quotes as `pulumi config set` may leave it."""

    def check(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise refuse(f"write a whole number of {unit} from {lowest} to {highest}")
        return value

    return check


def _switch(value: object) -> bool:
    """Accept yes and on, which are booleans in YAML 1.1 and text to Pulumi's reader."""
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise refuse("write true or false")


def as_text(
    read: Callable[[object], object], kind: str, shape: shapes.Shape
) -> tuple[PlainValidator, PlainSerializer, WithJsonSchema, Kind]:
    """All that makes a value that is written as text a type of the stack file."""
    return (
        PlainValidator(read),
        PlainSerializer(str, return_type=str),
        WithJsonSchema(shape),
        Kind(kind),
    )


def pattern(
    form: str, remedy: str, kind: str
) -> tuple[PlainValidator, PlainSerializer, WithJsonSchema, Kind]:
    """The same for text that has one form."""
    return as_text(text_matching(form, remedy), kind, {"type": "string", "pattern": f"^{form}$"})


Switch = Annotated[
    bool, PlainValidator(_switch), WithJsonSchema(shapes.SWITCH), Kind("true or false")
]

# addresses of a Docker host's network, and those of a cluster's
V4Address = Annotated[IPv4Address, *as_text(ON_DOCKER_HOST.address, "IPv4 address", shapes.ADDRESS)]
Host = Annotated[
    IPv4Address | HostName,
    *as_text(ON_DOCKER_HOST.host, "IPv4 address or host name", shapes.HOST),
]
Cidr = Annotated[IPv4Network, *as_text(ON_DOCKER_HOST.block, "CIDR block", shapes.BLOCK)]
AnyAddress = Annotated[
    IPv4Address | IPv6Address, *as_text(IN_CLUSTER.address, "IP address", shapes.ANY_ADDRESS)
]
AnyHost = Annotated[
    IPv4Address | IPv6Address | HostName,
    *as_text(IN_CLUSTER.host, "IP address or host name", shapes.ANY_HOST),
]
AnyCidr = Annotated[
    IPv4Network | IPv6Network, *as_text(IN_CLUSTER.block, "CIDR block", shapes.ANY_BLOCK)
]

# ports
Port = Annotated[int, PlainValidator(ports.port), WithJsonSchema(shapes.PORT), Kind("port")]
Ports = Annotated[
    tuple[PortRange, ...],
    PlainValidator(ports.ports),
    PlainSerializer(lambda found: [str(item) for item in found], return_type=list[str]),
    WithJsonSchema(shapes.PORTS),
    Kind('port, list of ports, or range "8000-8010"'),
]
TransportProtocol = Annotated[
    Protocol,
    PlainValidator(ports.protocol),
    PlainSerializer(lambda protocol: protocol.value.upper(), return_type=str),
    WithJsonSchema(shapes.PROTOCOL),
    Kind("TCP or UDP"),
]
PortAndProtocol = Annotated[
    ports.ProtocolPorts,
    *as_text(ports.protocol_ports, "`PORT/tcp`, `PORT/udp` or `all`", {"type": "string"}),
]

# names
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
Name = Annotated[
    str,
    *pattern(
        _NAME,
        "is not a name; use up to 63 letters, digits, `.`, `_` and `-`, a letter or digit first",
        "name",
    ),
]
_USER = r"[a-z_][a-z0-9_-]{0,31}"
UserName = Annotated[
    str,
    *pattern(
        _USER,
        "is not a user name; use up to 32 lower-case letters, digits, `_` and `-`, like root",
        "user name",
    ),
]

# bridge: what the kernel allows an interface to be called, less what a rule would read as a
# wildcard
LONGEST_BRIDGE = 15
_BRIDGE = rf"[a-zA-Z0-9][a-zA-Z0-9_.-]{{0,{LONGEST_BRIDGE - 1}}}"
_TAKEN_BRIDGES = ("docker0", "docker_gwbridge", "lo")
_bridge_text = text_matching(
    _BRIDGE, "is not a bridge name; use up to 15 letters, digits, `_`, `.` and `-`, like br-newt"
)


def _bridge(value: object) -> str:
    name = _bridge_text(value)
    if name in _TAKEN_BRIDGES:
        raise refuse("is used by others; newt needs a bridge of its own, like br-newt")
    return name


BridgeName = Annotated[
    str,
    *as_text(
        _bridge,
        "interface name",
        {"type": "string", "pattern": f"^(?!({'|'.join(_TAKEN_BRIDGES)})$){_BRIDGE}$"},
    ),
]

# remarks
_REASON = r"[A-Za-z0-9][A-Za-z0-9 _.,:/@%+=-]{0,199}"
Reason = Annotated[
    str,
    *pattern(
        _REASON,
        "is not a plain remark; use up to 200 letters, digits and simple punctuation",
        "text",
    ),
]

# the site's identity
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LONGEST_ID = 32


def _newt_id(value: object) -> str:
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    # Id and secret get swapped: a text as long as a secret is not shown.
    hidden = NOT_SHOWN if isinstance(value, str) and len(value) > _LONGEST_ID else None
    raise refuse(
        "is not a newt id; copy the one of the site from Pangolin (lower-case letters and "
        "digits) and quote it",
        value=hidden,
    )


NewtId = Annotated[
    str, *as_text(_newt_id, "newt id", {"type": "string", "pattern": f"^{_ID.pattern}$"})
]
