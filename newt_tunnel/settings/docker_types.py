"""Types of values that only a Docker host has: names of Docker, and the subnets of newt's networks.

One alias per kind of value, built with the helpers of ``types``.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from newt_tunnel.egress.free_subnet import DEFAULT_SUBNET
from newt_tunnel.egress.model import Container
from newt_tunnel.egress.networks import is_inside
from newt_tunnel.settings import shapes
from newt_tunnel.settings.addresses import PRIVATE
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.families import ON_DOCKER_HOST
from newt_tunnel.settings.types import Kind, pattern, text_matching

# names: a container, or a service of Docker Compose; a network
_CONTAINER = r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}"
_COMPOSE_SERVICE = r"[a-z0-9][a-z0-9_-]{0,62}/[a-zA-Z0-9._-]{1,63}"
#: The shape of an entry's ``container``.
CONTAINER = f"{_CONTAINER}|{_COMPOSE_SERVICE}"
_container_text = text_matching(
    CONTAINER,
    "is not a name that Docker takes; write a container's name, like immich-server, or a Compose "
    "service as PROJECT/SERVICE, like immich/immich-server",
)


def _container(value: object) -> Container:
    return value if isinstance(value, Container) else Container(_container_text(value))


ContainerName = Annotated[
    Container,
    PlainValidator(_container),
    PlainSerializer(lambda container: container.name, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^({_CONTAINER}|{_COMPOSE_SERVICE})$"}),
    Kind("container, or Compose service as PROJECT/SERVICE"),
]
DockerName = Annotated[
    str,
    *pattern(
        _CONTAINER,
        "is not a name that Docker takes; use letters, digits, `_`, `.` and `-`, like "
        "newt-services",
        "name",
    ),
]

# subnets: room for a gateway, newt and a broadcast address at least
_LONGEST_PREFIX = 30
_SHORTEST_PREFIX = 16
#: A lower half with a gateway and some containers.
_LONGEST_OF_SERVICES = 28
#: Of the network of services, where half of the addresses are Docker's to give.
DEFAULT_SERVICES = IPv4Network("172.30.1.0/24")


def _subnet(longest: int, why: str, prefixes: str) -> tuple[Any, ...]:
    """The metadata of a subnet for a network of newt's, up to the prefix ``longest``, because
    ``why``; ``prefixes`` matches the same ones.
    """

    def check(value: object) -> IPv4Network:
        subnet = ON_DOCKER_HOST.network(value)
        assert isinstance(subnet, IPv4Network), "IPv6 is refused"
        if not any(is_inside(subnet, block) for block in PRIVATE):
            raise refuse(
                "is not private, so it would hide addresses that belong to others; write one like "
                f"{DEFAULT_SUBNET}"
            )
        if not _SHORTEST_PREFIX <= subnet.prefixlen <= longest:
            raise refuse(f"has no useful size; {why}, write /{_SHORTEST_PREFIX} to /{longest}")
        return subnet

    return (
        PlainValidator(check),
        PlainSerializer(str, return_type=str),
        WithJsonSchema(shapes.text(rf"{shapes.IPV4}/({prefixes})")),
        Kind("CIDR block"),
    )


Subnet = Annotated[
    IPv4Network,
    *_subnet(_LONGEST_PREFIX, "newt's network holds newt and a gateway", "1[6-9]|2[0-9]|30"),
]
ServicesSubnet = Annotated[
    IPv4Network,
    *_subnet(
        _LONGEST_OF_SERVICES,
        "Docker gives containers addresses of its lower half",
        "1[6-9]|2[0-8]",
    ),
]
