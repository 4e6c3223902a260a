"""``agent``: which program holds the tunnel, and its image.

How it runs is the section ``newt``, whatever the agent; what differs between agents is data
(``settings.agent_table``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field, GetJsonSchemaHandler, PlainValidator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from newt_tunnel.settings import shapes
from newt_tunnel.settings.agent_table import AGENTS, AgentKind, AgentName
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.image import Image
from newt_tunnel.settings.section import Section
from newt_tunnel.settings.types import choice, one_of

_OWN_IMAGES = " or ".join(f"`{kind.image}`" for kind in AGENTS.values())


_IN_A_CLUSTER = tuple(name for name, kind in AGENTS.items() if kind.no_chart is None)


@dataclass(frozen=True)
class _ShortForm:
    """Tells an editor that a name alone is valid too."""

    names: Iterable[AgentName]

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [shapes.words([name.value for name in self.names]), handler(core_schema)]}


class Agent(Section):
    """The program that holds the tunnel. The short form is its name alone."""

    names: ClassVar[tuple[AgentName, ...]] = tuple(AgentName)

    name: Annotated[AgentName, *choice(AgentName)] = Field(
        default=AgentName.NEWT,
        description="`pangolin-cli` is newt's successor, with newt inside. `agent: NAME` is the "
        "short form.",
    )
    image: Image | None = Field(
        default=None,
        description="Image with a fixed tag. A digest makes it immutable. Omitted: "
        f"{_OWN_IMAGES}, by `agent.name`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _is_a_name(cls, raw: object) -> object:
        return {"name": raw} if isinstance(raw, str) else raw

    @property
    def kind(self) -> AgentKind:
        return AGENTS[self.name]


def _with_chart(value: object) -> AgentName:
    name = one_of(AgentName)(value)
    if reason := AGENTS[name].no_chart:
        raise refuse(f"{reason}; write newt")
    return name


class ClusterAgent(Agent):
    """The program that holds the tunnel, as its chart starts it."""

    names: ClassVar[tuple[AgentName, ...]] = _IN_A_CLUSTER

    name: Annotated[AgentName, PlainValidator(_with_chart), *choice(_IN_A_CLUSTER)[1:]] = Field(
        default=AgentName.NEWT,
        description="A cluster runs newt only. `agent: NAME` is the short form.",
    )


#: The types of the key ``agent``.
AgentOrName = Annotated[Agent, _ShortForm(Agent.names)]
ClusterAgentOrName = Annotated[ClusterAgent, _ShortForm(ClusterAgent.names)]
