"""The agents that can hold a tunnel, as data: their images, versions, and what each needs to start.

A new agent is a new row. The variables of both are in ``settings.variable_table``, and both read
the same configuration file, by `CONFIG_FILE`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

# Sources. What pangolin-cli runs inside is newt's own code: newtconfig of fosrl/newt 1.17.0.
_NEWT = "fosrl/newt 1.12.0 to 1.17.0, Dockerfile and entrypoint.sh"
_CLI = "fosrl/cli 0.17.0 to 0.23.0, Dockerfile, entrypoint.sh and cmd/up/site"
#: Pangolin's own instructions for a new site (fosrl/pangolin, NewtSiteInstallCommands) agree: newt.
_NO_CHART = (
    "is not supported in a cluster: chart newt cannot start `pangolin-cli up site`, and chart "
    "pangolin-cli has no published source, so the labels that the policy selects by are not known"
)


class AgentName(enum.Enum):
    """Also the last part of the name of the agent's image."""

    NEWT = "newt"
    PANGOLIN_CLI = "pangolin-cli"


@dataclass(frozen=True, kw_only=True)
class AgentKind:
    name: AgentName
    source: str
    #: Used where the stack file names none.
    image: str
    oldest: tuple[int, int, int]
    why_oldest: str
    #: What the image's entrypoint is given. Empty: the image's own command.
    command: tuple[str, ...] = ()
    #: Variables of its own in a container.
    variables: Mapping[str, str] = field(default_factory=dict)
    #: Why it is refused in a cluster.
    no_chart: str | None = None

    @property
    def oldest_version(self) -> str:
        return ".".join(map(str, self.oldest))


AGENTS = {
    kind.name: kind
    for kind in (
        AgentKind(
            name=AgentName.NEWT,
            source=_NEWT,
            image="fosrl/newt:1.16.0",
            oldest=(1, 12, 0),
            why_oldest="the oldest that is tested",
        ),
        AgentKind(
            name=AgentName.PANGOLIN_CLI,
            source=_CLI,
            image="fosrl/pangolin-cli:0.23.0",
            oldest=(0, 17, 0),
            why_oldest="the first with `up site`",
            # Without SITE_ID and SITE_SECRET in its environment, where everyone who may run
            # `docker inspect` reads them, the entrypoint takes a subcommand.
            command=("up", "site"),
            # Without a home it ends, and nobody's in the image is the read-only root.
            variables={"HOME": "/tmp"},
            no_chart=_NO_CHART,
        ),
    )
}
DEFAULT_IMAGE = AGENTS[AgentName.NEWT].image
