"""Types of values that only a cluster has: names of Kubernetes, Services, labels, ports of pods.

One alias per kind of value, built with the helpers of ``types``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, WithJsonSchema
from pydantic_core import PydanticCustomError

from newt_tunnel.egress.model import Labels, PortName, PortRange
from newt_tunnel.findings import shown
from newt_tunnel.settings import ports, shapes
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.types import Kind, as_text, pattern

# names
_DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DnsLabel = Annotated[
    str,
    *pattern(
        _DNS_LABEL,
        "is not a name that Kubernetes takes; use up to 63 lower-case letters, digits and `-`, a "
        "letter or digit first and last",
        "name",
    ),
]
# The name becomes part of an annotation's key, which must not end in punctuation.
_TARGET_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
TargetName = Annotated[
    str,
    *pattern(
        _TARGET_NAME,
        "is not a name; use up to 63 letters, digits, `.`, `_` and `-`, a letter or digit "
        "first and last",
        "name",
    ),
]
_CONTEXT = r"[A-Za-z0-9][A-Za-z0-9@:/._-]{0,252}"
ContextName = Annotated[
    str,
    *pattern(
        _CONTEXT,
        "is not the name of a context; kubectl config get-contexts lists them",
        "name of a context",
    ),
]


# Services
@dataclass(frozen=True, order=True)
class ServiceRef:
    """A Service by its namespace and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def service_ref(value: object) -> ServiceRef:
    if isinstance(value, ServiceRef):
        return value
    if not isinstance(value, str):
        raise refuse("is not a Service; write it like gitea/gitea, namespace first")
    namespace, slash, name = value.partition("/")
    if not slash:
        parts = value.split(".")
        if len(parts) > 1 and all(re.fullmatch(_DNS_LABEL, part) for part in parts[:2]):
            raise refuse(
                f"is a DNS name; write the Service's namespace first: {parts[1]}/{parts[0]}"
            )
        raise refuse("has no namespace; write it like gitea/gitea, namespace first")
    for part in (namespace, name):
        if not re.fullmatch(_DNS_LABEL, part):
            raise refuse(
                "is not NAMESPACE/NAME of a Service; use lower-case letters, digits and `-`, "
                "like gitea/gitea"
            )
    return ServiceRef(namespace, name)


_SERVICE_REF = f"{_DNS_LABEL}/{_DNS_LABEL}"
ServiceName = Annotated[
    ServiceRef,
    *as_text(service_ref, "`NAMESPACE/NAME`", {"type": "string", "pattern": f"^{_SERVICE_REF}$"}),
]

# labels
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_LONGEST_PREFIX = 253
_LABEL_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def _labels(value: object) -> Labels:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict):
        raise refuse("is not a map of labels; write it like {app: gitea}")
    for key, content in value.items():
        prefix, slash, name = str(key).rpartition("/")
        if not _LABEL_PART.fullmatch(name) or (
            slash and not (_PREFIX.fullmatch(prefix) and len(prefix) <= _LONGEST_PREFIX)
        ):
            raise refuse(
                "is not the key of a label; use up to 63 letters, digits, `-`, `_` and `.`, after "
                "a prefix like app.kubernetes.io/ if it has one",
                value=shown(str(key)),
            )
        if not isinstance(content, str):
            raise refuse(
                f"is the value of {shown(str(key))}, and labels are text; put it in quotes",
                value=shown(content),
            )
        if content and not _LABEL_PART.fullmatch(content):
            raise refuse(
                f"is no value for the label {shown(str(key))}; use up to 63 letters, digits, `-`, "
                "`_` and `.`",
                value=shown(content),
            )
    return tuple(sorted(value.items()))


PodLabels = Annotated[
    Labels,
    PlainValidator(_labels),
    PlainSerializer(dict, return_type=dict[str, str]),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": shapes.text(f"({_PREFIX.pattern}/)?{_LABEL_PART.pattern}"),
            "additionalProperties": shapes.text(f"({_LABEL_PART.pattern})?"),
        }
    ),
    Kind("map of labels"),
]

# ports
#: The names that a container may give a port.
_PORT_NAME = re.compile(shapes.PORT_NAME)


def _port_or_name(value: object) -> PortRange | PortName:
    if isinstance(value, PortName):
        return value
    if isinstance(value, str) and _PORT_NAME.fullmatch(value):
        return PortName(value)
    try:
        return ports.port_range(value)
    except PydanticCustomError:
        if isinstance(value, str) and re.search("[A-Za-z]", value):
            raise refuse(
                "is neither a port nor the name of one; a name has up to 15 lower-case letters, "
                "digits and `-`"
            ) from None
        raise


_PORTS = TypeAdapter(tuple[Annotated[PortRange | PortName, PlainValidator(_port_or_name)], ...])


@dataclass(frozen=True)
class TargetPorts:
    """The ports of an entry: numbers and ranges, and names of ports."""

    ranges: tuple[PortRange, ...]
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ",".join((*map(str, self.ranges), *self.names))


def _target_ports(value: object) -> TargetPorts:
    if isinstance(value, TargetPorts):
        return value
    listed = value if isinstance(value, list | tuple) else None
    found = (_port_or_name(value),) if listed is None else _PORTS.validate_python(listed)
    names = [port.name for port in found if isinstance(port, PortName)]
    numbers = [port for port in found if isinstance(port, PortRange)]
    for name in names:
        if names.count(name) > 1:
            raise refuse(f"names {name} twice; name each port once")
    # The rest is validated as on any platform; only an empty list has nothing to validate.
    ranges = ports.ports(numbers) if numbers or not names else ()
    return TargetPorts(ranges, tuple(sorted(names)))


def _written_ports(found: TargetPorts) -> list[str]:
    return [*map(str, found.ranges), *found.names]


PodPorts = Annotated[
    TargetPorts,
    PlainValidator(_target_ports),
    PlainSerializer(_written_ports, return_type=list[str]),
    WithJsonSchema(shapes.NAMED_PORTS),
    Kind('port, name of a port, list of them, or range "8000-8010"'),
]
