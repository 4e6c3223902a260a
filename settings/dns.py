"""``dns``: the only resolvers newt may ask."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, WithJsonSchema

from settings.errors import refuse
from settings.types import Address, Kind

NONE = "none"
ANY = "any"


@dataclass(frozen=True)
class Dns:
    """The listed resolvers; or, with ``anywhere``, every one there is; or nobody at all."""

    resolvers: tuple[IPv4Address, ...] = ()
    anywhere: bool = False

    @property
    def is_none(self) -> bool:
        """Whether newt may not resolve anything."""
        return not self.resolvers and not self.anywhere


_RESOLVERS = TypeAdapter(tuple[Address, ...])


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
        raise refuse(f"names no resolver; write `{NONE}` if newt is to ask nobody")
    if len(set(resolvers)) < len(resolvers):
        raise refuse("names a resolver twice; name each once")
    return Dns(resolvers)


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
                {"type": "array", "items": {"type": "string", "format": "ipv4"}, "minItems": 1},
                {"type": "string", "enum": [NONE, ANY]},
            ]
        }
    ),
    Kind("list of IPv4 addresses, `none` or `any`"),
]
