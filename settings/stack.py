"""The stack file as a whole: the keys that every platform has, and those of a Docker host.

Secrets are keys of the same file but no fields here: they never enter a model (see
``settings.secrets``).
"""

from __future__ import annotations

import enum
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from settings import secrets
from settings.dns import Resolvers
from settings.docker import Docker
from settings.entries import Entry
from settings.errors import WhenMissing, refuse
from settings.newt import Newt
from settings.pangolin import Pangolin
from settings.section import Section
from settings.types import NewtId, choice

KUBERNETES = "kubernetes"


class Platform(enum.Enum):
    DOCKER = "docker"


class Proof(enum.Enum):
    """What a hole in the cage means: a failed update, a warning, or not even looked for."""

    ENFORCE = "enforce"
    WARN = "warn"
    OFF = "off"


def _supported(value: object) -> object:
    if value == KUBERNETES:
        raise refuse("is not supported yet; write docker")
    return value


def _off(value: object) -> object:
    # An unquoted `off` is a boolean to many YAML tools; Pulumi hands top-level ones over as text.
    return Proof.OFF if value in (False, "false") else value


class Shared(Section):
    """Keys that do not depend on where newt runs."""

    platform: Annotated[
        Platform,
        *choice(Platform),
        BeforeValidator(_supported),
        WhenMissing("write where newt runs: docker"),
    ] = Field(description="Where newt runs.")
    pangolin: Annotated[Pangolin, WhenMissing("write the section with the server's `endpoint`")] = (
        Field(description="The Pangolin server.")
    )
    newt_id: NewtId | None = Field(
        default=None, description="The site's id, with `newtSecret`; or else `newtProvisioningKey`."
    )
    newt: Newt = Field(default=Newt(), description="How newt runs.")
    proof: Annotated[Proof, *choice(Proof), BeforeValidator(_off)] = Field(
        default=Proof.ENFORCE,
        description="Try from newt's own network what it can reach. `enforce`: a hole stops newt "
        "and fails the update.",
    )


class Settings(Shared):
    """A stack on a Docker host."""

    secret_keys: ClassVar[tuple[str, ...]] = tuple(secrets.KEYS)

    dns: Annotated[
        Resolvers,
        WhenMissing("write the resolvers newt may ask, like [10.0.1.53], or `none`, or `any`"),
    ] = Field(
        description="The only resolvers newt may ask. `none`: no DNS at all. `any`: every one, "
        "which carries data out."
    )
    egress: tuple[Entry, ...] = Field(
        default=(), description="The allow-list: entries, or short ones, `HOST:PORT:PROTOCOL`."
    )
    must_not_reach: tuple[Entry, ...] = Field(
        default=(), description="What the proof tries in vain, in the same form. Renders no rule."
    )
    docker: Annotated[
        Docker, WhenMissing("write the section with the host's `address` and `hostKey`")
    ] = Field(description="The Docker host.")
