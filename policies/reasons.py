"""The user's reasons in the stack file for what a rule advises against.

The program puts them into outputs of the tunnel's component and annotations of newt's policy, on
which neither newt nor its proof depends.
"""

from __future__ import annotations

import re

from policies.view import Resource, mapping, text

TUNNELS = ("newt-tunnel:docker:DockerTunnel", "newt-tunnel:kubernetes:KubernetesTunnel")
#: See newt_tunnel/egress/network_policy.py.
_RULE_PREFIX = "egress.newt-tunnel/"
_WORDS = re.compile(r"(?P<where>\S+) \S+/(?:tcp|udp|any)(?: \((?P<reason>[^)]*)\))?")


def tunnel_of(resource: Resource) -> Resource | None:
    """The tunnel that a resource is a part of; None for what was written by hand."""
    return next((one for one in resource.ancestors() if one.type in TUNNELS), None)


def reason_for(resource: Resource, key: str) -> str | None:
    """``reasons.KEY`` of the stack file, if the resource is a part of its tunnel."""
    tunnel = tunnel_of(resource)
    return None if tunnel is None else text(tunnel.at("reasons", key))


def entries_in(policy: Resource) -> dict[str, tuple[str, str | None]]:
    """Return entry and reason by destination, from the annotations of our policies."""
    return {
        found["where"]: (key.removeprefix(_RULE_PREFIX), found["reason"])
        for key, words in mapping(policy.at("metadata", "annotations")).items()
        if key.startswith(_RULE_PREFIX) and isinstance(words, str)
        for found in _WORDS.finditer(words)
    }
