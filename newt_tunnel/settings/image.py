"""The type of an image, and what its name says: which agent, which version."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from newt_tunnel.settings.agent_table import DEFAULT_IMAGE, AgentName
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.types import Kind

_REPOSITORY = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOVING_TAG = "latest"


def _image(value: object) -> str:
    if not isinstance(value, str):
        raise refuse(f"is not an image; write it like {DEFAULT_IMAGE}")
    reference, at, digest = value.partition("@")
    name, tag = _split(reference)
    if not _REPOSITORY.fullmatch(name):
        raise refuse(f"is not an image; write registry/name:tag, like {DEFAULT_IMAGE}")
    if tag is None:
        raise refuse(f"has no tag; pin one, like {DEFAULT_IMAGE}")
    if tag == _MOVING_TAG:
        raise refuse(
            "is a moving tag, and a new image would not be noticed; pin a version, like "
            f"{DEFAULT_IMAGE}"
        )
    if not _TAG.fullmatch(tag):
        raise refuse(f"has no valid tag after `:`; pin a version, like {DEFAULT_IMAGE}")
    if at and not _DIGEST.fullmatch(digest):
        raise refuse(
            "has no valid digest after `@`; write sha256: and 64 hexadecimal digits, or leave it "
            "out"
        )
    return value


Image = Annotated[
    str,
    PlainValidator(_image),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{_REPOSITORY.pattern}:(?!{_MOVING_TAG}(@|$)){_TAG.pattern}"
            f"(@{_DIGEST.pattern})?$",
        }
    ),
    Kind("`name:tag` or `name:tag@sha256:...`"),
]


#: A version with all or some of its numbers, and whatever a mirror adds to it.
_VERSION = re.compile(r"v?([0-9]{1,6})(?:\.([0-9]{1,6}))?(?:\.([0-9]{1,6}))?(?:[-_.].*)?")


def agent_of(image: str) -> AgentName | None:
    """Return the agent that the last part of the name says: ``lan/mirror/fosrl-newt`` is newt."""
    name = _split(image.partition("@")[0])[0].rpartition("/")[2]
    for agent in AgentName:
        if re.fullmatch(rf"(.*[-_.])?{agent.value}", name):
            return agent
    return None


def version_of(image: str) -> tuple[int, ...] | None:
    """Return the numbers of the tag that are there: ``1.16`` has two. None: no version."""
    found = _VERSION.fullmatch(_split(image.partition("@")[0])[1] or "")
    return tuple(int(number) for number in found.groups() if number) if found else None


def _split(reference: str) -> tuple[str, str | None]:
    """Return name and tag of an image without its digest. None: it has no tag."""
    # A colon before the last slash belongs to the registry's port.
    slash = reference.rfind("/") + 1
    last, colon, tag = reference[slash:].partition(":")
    return reference[:slash] + last, tag if colon else None
