"""The name of an entry that is suggested for a service of a Docker host. Pure."""

from __future__ import annotations

import re

from newt_tunnel.egress.model import RESERVED_NAMES

_OTHER_SIGNS = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 40


def entry_name(service: str, port: object, protocol: str, *, alone: bool) -> str:
    """Return a name that the settings accept; with port and protocol unless the service has one
    entry ``alone``.
    """
    base = _OTHER_SIGNS.sub("-", service).strip("._-")[:_LONGEST] or "service"
    name = base if alone else f"{base}-{port}-{protocol}"
    return f"{name}-service" if name in RESERVED_NAMES else name
