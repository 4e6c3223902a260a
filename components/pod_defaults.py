"""Common settings of our pods: Pod Security ``restricted``, and no unneeded rights."""

from __future__ import annotations

from typing import Any

#: nobody; newt needs no user of its own (its WireGuard runs in user space).
NOBODY = 65534
TMP = "tmp"

#: The full restricted set: the chart's default lacks the seccomp profile, and is refused without
#: it.
CONTAINER_SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": NOBODY,
    "runAsGroup": NOBODY,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
POD_SECURITY: dict[str, Any] = {"fsGroup": NOBODY}
TMP_VOLUME: dict[str, Any] = {"name": TMP, "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}
TMP_MOUNT: dict[str, Any] = {"name": TMP, "mountPath": "/tmp"}
#: MiB of memory, for a program that does one thing at a time.
SMALL = 32


def resources(memory: int) -> dict[str, Any]:
    """Return small requests, and a limit of ``memory`` MiB."""
    return {
        "requests": {"cpu": "10m", "memory": "16Mi"},
        "limits": {"memory": f"{memory}Mi"},
    }


def shell_container(
    name: str, image: str, script: str, env: dict[str, str], *, memory: int = SMALL
) -> dict[str, Any]:
    """A container of newt's own image that runs ``script``; plain values in ``env``, ``memory`` in
    MiB.
    """
    return {
        "name": name,
        "image": image,
        "command": ["/bin/sh", "-c", script],
        "env": [{"name": key, "value": value} for key, value in sorted(env.items())],
        "securityContext": CONTAINER_SECURITY,
        "resources": resources(memory),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [TMP_MOUNT],
    }
