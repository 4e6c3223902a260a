"""Runs Pulumi's engine for one stack. Its output leaves this module without secrets."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from newt_tunnel.tools.forge import ForgeError, event
from newt_tunnel.tools.forge.redaction import Redactor
from newt_tunnel.tools.forge.stacks import ROOT

PASSPHRASE, ACCESS_TOKEN = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN"
PASSPHRASE_FILE, BACKEND = f"{PASSPHRASE}_FILE", "PULUMI_BACKEND_URL"
KEYS = (PASSPHRASE, PASSPHRASE_FILE, ACCESS_TOKEN)
#: Names of variables that hold a secret, including those of the state's storage.
_SECRET_NAME = re.compile(r"(SECRET|TOKEN|PASSW(OR)?D|PASSPHRASE|CREDENTIALS?|_KEY)$")
MINUTES = 20
#: Components that prove, and the resource that does it: not the namespace of the control.
_PROOFS = ("newt-tunnel:docker:EgressProof", "newt-tunnel:kubernetes:PolicyProof")
_PROBES = ("command:remote:Command", "kubernetes:batch/v1:Job")


@dataclass(frozen=True)
class Said:
    """``text`` is both streams, without secrets."""

    ok: bool
    text: str


class EngineStack:
    """One stack of this program. Raises ``ForgeError`` when its secrets cannot be read."""

    def __init__(self, name: str, environment: Mapping[str, str] = os.environ) -> None:
        self.name = name
        # A variable that is not set in the forge is empty here, and would be an empty passphrase.
        self._environment = {
            key: value
            for key, value in environment.items()
            if key != event.TOKEN and (value or not key.startswith("PULUMI_"))
        }
        given = [*_given(self._environment)]
        self._clean = Redactor(given)
        self._clean = Redactor([*given, *self._secrets()])

    def preview(self, *options: str) -> Said:
        """Return what an update would do."""
        return self._pulumi("preview", "--diff", *options)

    def judged_preview(self) -> Said:
        """Preview with the rules of the policy pack."""
        return self.preview("--policy-pack=policies")

    def prove(self) -> Said | None:
        """Run only the proof again. None if this stack has none."""
        probes = self._proof()
        if not probes:
            return None
        targets = [f"--target-replace={urn}" for urn in probes]
        return self._pulumi("up", "--yes", "--skip-preview", *targets)

    def _proof(self) -> list[str]:
        resources: list[Any] = self._json("stack", "export")["deployment"].get("resources") or []
        proofs = {one["urn"] for one in resources if one["type"] in _PROOFS}
        return [
            one["urn"]
            for one in resources
            if one["type"] in _PROBES and one.get("parent") in proofs
        ]

    def _secrets(self) -> list[str]:
        config: dict[str, Any] = self._json("config", "--show-secrets", "--json")
        return [
            text
            for one in config.values()
            if one.get("secret")
            for text in _texts(one.get("objectValue", one.get("value")))
        ]

    def _json(self, *words: str) -> Any:
        done = self._run(*words)
        try:
            if done.returncode == 0:
                return json.loads(done.stdout)
            reason = done.stderr
        except ValueError:
            reason = "its answer is not JSON"
        raise ForgeError(f"{self.name}: pulumi {words[0]}: {self._clean(reason).strip()}")

    def _pulumi(self, *words: str) -> Said:
        done = self._run(*words, "--color=never")
        return Said(done.returncode == 0, self._clean(done.stdout + done.stderr))

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["pulumi", *words, f"--stack={self.name}", "--non-interactive"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=MINUTES * 60,
                check=False,
            )
        except FileNotFoundError:
            raise ForgeError("pulumi: not installed on this runner") from None
        except subprocess.TimeoutExpired:
            late = f"pulumi {words[0]} was not done after {MINUTES} minutes"
            raise ForgeError(f"{self.name}: {late}") from None


def _given(environment: Mapping[str, str]) -> Iterator[str]:
    """Return the job's own secrets, with which the engine opens stacks and state."""
    for key, value in environment.items():
        if _SECRET_NAME.search(key):
            yield value
        elif key == PASSPHRASE_FILE and value:
            try:
                yield Path(value).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                raise ForgeError(f"{key}: the file cannot be read") from None
    try:
        yield urlsplit(environment.get(BACKEND, "")).password or ""
    except ValueError:
        raise ForgeError(f"{BACKEND}: is not a URL") from None


def can_be_opened(environment: Mapping[str, str]) -> bool:
    """Whether the job has a secret that opens a stack."""
    return any(environment.get(key) for key in KEYS)


def _texts(value: object) -> list[str]:
    """Yield every text in a configuration value, at any depth."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [] if value is None else [str(value)]
