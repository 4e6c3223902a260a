"""``newt``: how the agent runs; its environment and what it may use of the machine.

Which agent, and its image, is ``agent``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, field_validator

from newt_tunnel.settings import shapes
from newt_tunnel.settings.environment import Environment, UnknownEnvironment
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.image import Image
from newt_tunnel.settings.section import Section
from newt_tunnel.settings.types import Kind, Switch, choice, whole_number


class LogLevel(enum.Enum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    FATAL = "FATAL"


class Capability(enum.Enum):
    """Capabilities that newt can use. It works without them."""

    NET_RAW = "NET_RAW"


_LEAST_MEMORY, _MOST_MEMORY = 16, 1024 * 1024
_MOST_CPUS = 1024
_CPUS = r"[0-9]{1,4}(\.[0-9]{1,3})?"


def _cpus(value: object) -> float:
    # `pulumi config set --path` leaves 0.5 as text.
    if isinstance(value, str) and re.fullmatch(_CPUS, value):
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= _MOST_CPUS:
        raise refuse(f"write how many CPUs newt may use, like 0.5, up to {_MOST_CPUS}")
    return float(value)


class Resources(Section):
    """How much memory and processor time newt may use."""

    memory: Annotated[
        int,
        PlainValidator(whole_number(_LEAST_MEMORY, _MOST_MEMORY, "megabytes")),
        WithJsonSchema(
            shapes.or_quoted({"type": "integer", "minimum": _LEAST_MEMORY, "maximum": _MOST_MEMORY})
        ),
        Kind("number of MB"),
    ] = Field(default=128, description="Memory limit. On a Docker host it includes swap.")
    cpus: (
        Annotated[
            float,
            PlainValidator(_cpus),
            WithJsonSchema(
                shapes.or_quoted(
                    {"type": "number", "exclusiveMinimum": 0, "maximum": _MOST_CPUS}, _CPUS
                )
            ),
            Kind("number of CPUs"),
        ]
        | None
    ) = Field(default=None, description="Limit of processor time. Omitted: none.")


_SECRETS_ARE_TOP_LEVEL = (
    "is a top-level secret; remove it and run: pulumi config set --secret newtSecret"
)


class Program(Section):
    """How newt runs anywhere. Its identity (``newtId``, ``newtSecret``) is at the top level."""

    misplaced: ClassVar[Mapping[str, str]] = {
        "secret": _SECRETS_ARE_TOP_LEVEL,
        "newtSecret": _SECRETS_ARE_TOP_LEVEL,
        "id": "is a top-level key; write newtId there",
        "newtId": "is a top-level key; write newtId there",
    }

    image: Image | None = Field(default=None, description="Former name of `agent.image`.")
    health: Switch = Field(
        default=True, description="Health check: the container is healthy while the tunnel works."
    )
    resources: Resources = Field(
        default=Resources(), description="Limits of memory and processor time."
    )
    environment: Environment = Field(
        default={},
        description="Further variables that newt documents, like `MTU`. Secrets and variables "
        "with a key of their own are refused.",
    )
    unknown_environment: UnknownEnvironment = Field(
        default={},
        description="Variables that newt does not document. The review reports each as a risk. "
        "Variables that open the cage or carry a secret are refused here, too.",
    )
    clients: Switch = Field(
        default=False,
        description="newt's client mode: Olm clients reach private resources through newt.",
    )
    ssh: Switch = Field(default=False, description="newt's own SSH server.")

    @field_validator("unknown_environment")
    @classmethod
    def _written_once(cls, unknown: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if twice := sorted(unknown.keys() & info.data.get("environment", {}).keys()):
            raise refuse("is in newt.environment too; keep one of the two", value=", ".join(twice))
        return unknown

    @property
    def variables(self) -> Mapping[str, str]:
        """Of both maps."""
        return {**self.environment, **self.unknown_environment}


_LOGGING = "newt's log level. At `DEBUG` newt logs the token of its session."


class Newt(Program):
    """newt in a container of a Docker host."""

    log_level: Annotated[LogLevel, *choice(LogLevel, fold=str.upper)] = Field(
        default=LogLevel.INFO, description=_LOGGING
    )
    capabilities: Annotated[
        tuple[Annotated[Capability, *choice(Capability)], ...], Kind("list of `NET_RAW`")
    ] = Field(
        default=(),
        description="Kernel capabilities that newt keeps. It needs none; NET_RAW serves ping to "
        "private resources.",
    )


#: The values of chart 1.5.0 have no FATAL.
_CHART_LEVELS = [level for level in LogLevel if level is not LogLevel.FATAL]


class ClusterNewt(Program):
    """newt as its chart runs it."""

    misplaced: ClassVar[Mapping[str, str]] = {
        **Program.misplaced,
        "capabilities": "is refused by Pod Security `restricted`, which newt's namespace "
        "enforces; remove it, newt works without it",
    }

    log_level: Annotated[LogLevel, *choice(_CHART_LEVELS, fold=str.upper)] = Field(
        default=LogLevel.INFO, description=_LOGGING
    )
