"""What newt is called on the Docker host, where people see it, and the folder of its credentials.

Without ``docker.instance`` the names are those that every stack had before there was such a key, so
that no deployed newt is replaced. A host has one such stack; a second one writes the key.
"""

from __future__ import annotations

from dataclasses import dataclass

STATE_FOLDER = "/var/lib/newt-egress"


@dataclass(frozen=True, kw_only=True)
class DockerNames:
    network: str
    container: str
    volume: str
    #: Mounted read-only into newt's container.
    credentials: str

    @classmethod
    def of(cls, instance: str | None) -> DockerNames:
        """``instance`` as it is written in the stack file."""
        if instance is None:
            return cls(
                network="newt",
                container="newt-tunnel",
                volume="newt-config",
                credentials=f"{STATE_FOLDER}/credentials",
            )
        return cls(
            network=f"newt-tunnel-{instance}",
            container=f"newt-tunnel-{instance}",
            volume=f"newt-config-{instance}",
            credentials=f"{STATE_FOLDER}/instances/{instance}/credentials",
        )
