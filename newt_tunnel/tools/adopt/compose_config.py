"""Reads a compose file with ``docker compose config``, if Compose is installed.

Compose supports ``include``, ``extends``, nested variables and every short form. Never shows
Compose's output: its errors quote the file, which holds newt's secret.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from newt_tunnel.tools.adopt import AdoptError

_SECONDS = 60
#: Compose must not fetch anything.
_OFFLINE = {"COMPOSE_EXPERIMENTAL_GIT_REMOTE": "false", "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "false"}
_CONFIG = (
    # The folder's name may be invalid as a project name.
    *("--project-name", "adopt"),
    *("--profile", "*"),
    *("config", "--format", "json"),
)
DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = tuple(name.replace(".y", ".override.y") for name in DEFAULT_NAMES)


def files(path: Path) -> tuple[Path, ...]:
    """``path``, and the override that Compose merges into a file of a default name."""
    if path.name not in DEFAULT_NAMES:
        return (path,)
    beside = (path.with_name(name) for name in _OVERRIDES)
    return (path, *[one for one in beside if one.is_file()][:1])


def config(paths: Sequence[Path], environment: Mapping[str, str]) -> str | None:
    """Return the files as one JSON document, or None without Compose. Raises ``AdoptError`` where
    Compose refuses them.
    """
    if _run(["version"], environment) is None:
        return None
    named = [word for path in paths for word in ("--file", str(path))]
    text = _run([*named, *_CONFIG], {**environment, **_OFFLINE})
    if text is None:
        command = " ".join(f"-f {path}" for path in paths)
        raise AdoptError(
            f"{paths[0]}: Compose refuses it; to see why, run: docker compose {command} config -q"
        )
    return text


def _run(words: Sequence[str], environment: Mapping[str, str]) -> str | None:
    try:
        done = subprocess.run(
            ["docker", "compose", *words],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
