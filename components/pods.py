"""What every pod of ours has in common: Pod Security ``restricted``, and nothing beyond need."""

from __future__ import annotations

from typing import Any

#: nobody; newt needs no user of its own (its WireGuard runs in user space).
NOBODY = 65534
TMP = "tmp"

#: The full restricted set: the chart's default lacks the seccomp profile, and is refused without.
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
SMALL: dict[str, Any] = {
    "requests": {"cpu": "10m", "memory": "16Mi"},
    "limits": {"memory": "32Mi"},
}


def shell_container(name: str, image: str, script: str, env: dict[str, str]) -> dict[str, Any]:
    """A container of newt's own image that runs ``script``; plain values in ``env``."""
    return {
        "name": name,
        "image": image,
        "command": ["/bin/sh", "-c", script],
        "env": [{"name": key, "value": value} for key, value in sorted(env.items())],
        "securityContext": CONTAINER_SECURITY,
        "resources": SMALL,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [TMP_MOUNT],
    }
