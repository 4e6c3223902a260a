"""Ports of a compose file, in their short and their long form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A port of a service on its host. ``host_port`` None: Docker chooses one at every start.

    ``address`` is the host's address it is bound to; None: all. Ports as they are written: one, or
    a range.
    """

    container_port: str
    host_port: str | None
    address: str | None = None
    protocol: str = "tcp"


def published(one: object) -> Iterator[Published]:
    """Read an item of ``ports`` or of ``expose``."""
    if isinstance(one, dict):
        published = one.get("published")
        yield Published(
            str(one.get("target", "")),
            None if published in (None, "") else str(published),
            one.get("host_ip") or None,
            str(one.get("protocol", "tcp")),
        )
        return
    text, _, protocol = str(one).partition("/")
    host, _, container = text.rpartition(":")
    address, _, port = host.rpartition(":")
    yield Published(container, port or None, address.strip("[]") or None, protocol or "tcp")
