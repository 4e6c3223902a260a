"""Host names in a stack file: full names, and none of newt itself."""

from __future__ import annotations

import re

from newt_tunnel.egress.model import HostName
from newt_tunnel.settings.errors import refuse

#: The DNS name of a Service, in whatever domain the cluster has.
CLUSTER_NAME = re.compile(r"(?P<service>[^.]+)\.(?P<namespace>[^.]+)\.svc(\..*)?")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LONGEST_NAME = 253
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_NAMES = ("localhost", "host.docker.internal", "gateway.docker.internal")
_SINGLE_LABEL = re.compile(r"[a-z0-9_-]+")


def host_name(text: str, *, instead: str) -> HostName:
    """A full DNS name, in lower case. ``instead``: what to write for a name that only a container
    engine or a cluster knows.
    """
    name = text.lower()
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        raise refuse(
            "is newt itself inside newt's container; write the host's address (docker.address)"
        )
    labels = name.split(".")
    # The meaning of a name without a dot depends on search domains. The rules are made without
    # them, and newt dials with them.
    if len(labels) == 1 and _SINGLE_LABEL.fullmatch(name) and not _NUMERIC.fullmatch(name):
        like = f"{name}.lan" if _LABEL.fullmatch(name) else "gitea.lan"
        raise refuse(
            f"is not a full name, and no search domain is added to it; write the full name, like "
            f"{like}, or the address; {instead}"
        )
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise refuse(
            "is not a host name; use letters, digits, `-` and `.`, like gitea.lan, or an IPv4 "
            "address"
        )
    # What the C library reads as an address ("0x7f000001", "127.1") is no name.
    if _NUMERIC.fullmatch(labels[-1]):
        raise refuse(
            "is neither an IPv4 address nor a host name; write it like 10.0.1.50 or gitea.lan"
        )
    return HostName(name)
