"""What ``docker.hook: docker-user``, the blog post's own place for the rules, cannot stop.

What of it was measured, and what Docker's own threads say, is in docs/threat-model.md. The list is
shown when a stack chooses the hook, and printed in the docs.
"""

from __future__ import annotations

LIMITS: tuple[str, ...] = (
    "Docker re-inserts its jump to DOCKER-USER at every `docker network create`: packets pass "
    "meanwhile.",
    "At boot DOCKER-USER is not hooked before dockerd is up, and some versions never hook a chain "
    "that exists already.",
    "With Docker's own nftables backend (29 and later) there is no DOCKER-USER chain.",
    "Anything that reloads the filter table (a firewall manager) removes the cage with it.",
    "An ACCEPT that stands earlier in FORWARD or INPUT passes newt's packets unseen.",
    "Packets between newt and another container on its bridge are not seen while "
    "bridge-nf-call-iptables is 0.",
)
