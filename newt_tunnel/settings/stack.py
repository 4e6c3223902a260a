"""The stack file as a whole: the keys that every platform has, and those of each platform.

Secrets are keys of the same file but no fields of a model (see ``settings.secrets``).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema

from newt_tunnel.settings import secrets, shapes
from newt_tunnel.settings.agent import Agent, AgentOrName, ClusterAgent, ClusterAgentOrName
from newt_tunnel.settings.blueprint import Blueprint, BlueprintOrPath
from newt_tunnel.settings.dns import ClusterResolvers, Dns, Resolvers
from newt_tunnel.settings.docker import Docker
from newt_tunnel.settings.entries import Entry
from newt_tunnel.settings.errors import WhenMissing
from newt_tunnel.settings.families import IN_CLUSTER, ON_DOCKER_HOST, Families
from newt_tunnel.settings.kubernetes import Kubernetes
from newt_tunnel.settings.newt import ClusterNewt, Newt, Program
from newt_tunnel.settings.pangolin import SHORT_FORM, ClusterPangolin, Pangolin, Server
from newt_tunnel.settings.reasons import HostReasons, Reasons
from newt_tunnel.settings.section import Section
from newt_tunnel.settings.targets import Target
from newt_tunnel.settings.types import NewtId, choice

_OTHER_PLATFORM = "belongs to platform: {}, and this stack has platform: {}; remove it"
_PANGOLIN_MISSING = WhenMissing("write the section with the server's `endpoint`")


class Platform(enum.Enum):
    DOCKER = "docker"
    KUBERNETES = "kubernetes"


class Proof(enum.Enum):
    """The consequence of a hole in the cage: a failed update, a warning, or none because nothing is
    measured.
    """

    ENFORCE = "enforce"
    WARN = "warn"
    OFF = "off"


def _off(value: object) -> object:
    # An unquoted `off` is a boolean to many YAML tools; Pulumi passes top-level booleans as text.
    return Proof.OFF if value in (False, "false") else value


class Shared(Section):
    """Keys that do not depend on where newt runs."""

    platform: Annotated[
        Platform,
        *choice(Platform),
        WhenMissing("write where newt runs: docker or kubernetes"),
    ] = Field(description="Where newt runs.")
    pangolin: Annotated[Server, _PANGOLIN_MISSING] = Field(description="The Pangolin server.")
    newt_id: NewtId | None = Field(description="The site's id, with `newtSecret`.")
    agent: Agent = Field(description="The program that holds the tunnel.")
    newt: Program = Field(description="How newt runs.")
    blueprint: BlueprintOrPath = Field(
        default=Blueprint(), description="Pangolin's blueprint, as a source of allowed targets."
    )
    proof: Annotated[
        Proof,
        *choice(Proof),
        BeforeValidator(_off),
        WithJsonSchema({"anyOf": [shapes.words([mode.value for mode in Proof]), {"const": False}]}),
    ] = Field(
        default=Proof.ENFORCE,
        description="Measure what newt can reach. `enforce`: a hole fails the update; newt is "
        "stopped on a Docker host, and not deployed in a cluster. `warn`: a hole is a warning. "
        "`off`: nothing is measured.",
    )
    reasons: Reasons = Field(
        default=Reasons(), description="Reasons for settings that the policy pack warns about."
    )

    @property
    def image(self) -> str:
        """The agent's image; ``newt.image`` is its former key."""
        return self.agent.image or self.newt.image or self.agent.kind.image


class Settings(Shared):
    """A stack on a Docker host."""

    families: ClassVar[Families] = ON_DOCKER_HOST
    entry: ClassVar[type[Entry]] = Entry
    secret_keys: ClassVar[tuple[str, ...]] = secrets.ON_DOCKER
    misplaced: ClassVar[Mapping[str, str]] = {
        "kubernetes": _OTHER_PLATFORM.format("kubernetes", "docker"),
        secrets.KUBECONFIG: _OTHER_PLATFORM.format("kubernetes", "docker"),
    }

    pangolin: Annotated[Pangolin, _PANGOLIN_MISSING, SHORT_FORM] = Field(
        description="The Pangolin server."
    )
    newt_id: NewtId | None = Field(
        default=None,
        description="The site's id, with `newtSecret`. `newtProvisioningKey` replaces both.",
    )
    agent: AgentOrName = Field(default=Agent(), description="The program that holds the tunnel.")
    newt: Newt = Field(default=Newt(), description="How newt runs.")
    dns: Annotated[
        Resolvers,
        WhenMissing("write the resolvers that newt may ask, like [10.0.1.53], or `none`, or `any`"),
    ] = Field(
        description="Resolvers that newt may ask. `none`: no DNS. `any`: every resolver, which "
        "lets data out."
    )
    egress: tuple[Entry, ...] = Field(
        default=(), description="The allow-list: entries, or their short form `HOST:PORT:PROTOCOL`."
    )
    must_not_reach: tuple[Entry, ...] = Field(
        default=(),
        description="Targets that must be blocked, in the same form. The proof tries "
        "them; they make no rule.",
    )
    reasons: HostReasons = Field(
        default=HostReasons(), description="Reasons for settings that the policy pack warns about."
    )
    docker: Annotated[
        Docker, WhenMissing("write the section with the host's `address` and `hostKey`")
    ] = Field(description="The Docker host.")


class KubernetesSettings(Shared):
    """A stack in a Kubernetes cluster."""

    families: ClassVar[Families] = IN_CLUSTER
    entry: ClassVar[type[Target]] = Target
    secret_keys: ClassVar[tuple[str, ...]] = secrets.ON_KUBERNETES
    misplaced: ClassVar[Mapping[str, str]] = {
        "docker": _OTHER_PLATFORM.format("docker", "kubernetes"),
        secrets.SSH_KEY: _OTHER_PLATFORM.format("docker", "kubernetes"),
        secrets.PROVISIONING_KEY: "is for Docker hosts: the chart would carry it in plain text; "
        f"take it out, create the site in Pangolin, and give newtId and {secrets.NEWT_SECRET}",
    }

    pangolin: Annotated[ClusterPangolin, _PANGOLIN_MISSING, SHORT_FORM] = Field(
        description="The Pangolin server."
    )
    newt_id: Annotated[NewtId, WhenMissing("write the site's id from Pangolin")] = Field(
        description="The site's id, with `newtSecret`."
    )
    agent: ClusterAgentOrName = Field(
        default=ClusterAgent(), description="The program that holds the tunnel."
    )
    newt: ClusterNewt = Field(default=ClusterNewt(), description="How newt runs.")
    dns: ClusterResolvers = Field(
        default=Dns(cluster=True),
        description="Resolvers that newt may ask. `cluster`: the cluster's DNS pods. `none`: no "
        "DNS. `any`: every resolver, which lets data out. Addresses: those of a node-local "
        "cache, like [169.254.20.10].",
    )
    egress: tuple[Target, ...] = Field(
        default=(), description="The allow-list: entries, or their short form `HOST:PORT:PROTOCOL`."
    )
    must_not_reach: tuple[Target, ...] = Field(
        default=(),
        description="Targets that must be blocked, in the same form. The proof tries "
        "them; they make no rule.",
    )
    kubernetes: Kubernetes = Field(default=Kubernetes(), description="The cluster.")


#: The settings of a valid file on either platform.
AnySettings = Settings | KubernetesSettings

MODELS: Mapping[str, type[AnySettings]] = {
    Platform.DOCKER.value: Settings,
    Platform.KUBERNETES.value: KubernetesSettings,
}
