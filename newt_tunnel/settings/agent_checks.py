"""What must hold between the agent and its image."""

from __future__ import annotations

from collections.abc import Iterator

from newt_tunnel.findings import Finding, warning
from newt_tunnel.settings.agent_table import AGENTS
from newt_tunnel.settings.facts import Facts
from newt_tunnel.settings.image import agent_of, version_of

_KEY, _FORMER_KEY = "agent.image", "newt.image"


def image(found: Facts) -> Iterator[Finding]:
    """Check that the image is written once, and is one of the agent, in a supported version."""
    agent, former = found.agent, found.former_image
    if agent is None:
        return
    if agent.image is not None and former is not None:
        yield Finding(
            _FORMER_KEY, former, f"is the former name of {_KEY}, which is written too; remove it"
        )
        return
    key, written = _written(found)
    said = agent_of(written) if written is not None else None
    if written is None or said is None:
        return
    kind = agent.kind
    if said is not agent.name:
        other = f", or agent.name: {said.value}" if said in agent.names else ""
        yield Finding(
            key,
            written,
            f"is an image of {said.value}, and agent.name is {agent.name.value}; write an image "
            f"like {kind.image}{other}",
        )
    elif (version := version_of(written)) and version < kind.oldest[: len(version)]:
        yield Finding(
            key,
            written,
            f"is older than {kind.oldest_version}, {kind.why_oldest}; write a later one, like "
            f"{kind.image}",
        )


def unchecked_image(found: Facts) -> Iterator[Finding]:
    """Report an image whose name does not say enough to be checked."""
    key, written = _written(found)
    if written is None or found.agent is None:
        return
    if agent_of(written) is None:
        names = " nor ".join(name.value for name in AGENTS)
        yield warning(
            key,
            f"{written} says neither {names} in its name; it must be {found.agent.name.value} "
            f"{found.agent.kind.oldest_version} or later",
        )
    elif version_of(written) is None:
        yield warning(
            key,
            f"{written} has no version in its tag; it must be {found.agent.kind.oldest_version} "
            "or later",
        )


def _written(found: Facts) -> tuple[str, str | None]:
    if found.agent is not None and found.agent.image is not None:
        return _KEY, found.agent.image
    return _FORMER_KEY, found.former_image
