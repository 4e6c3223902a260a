"""A small Pulumi project run with the real engine and our own plugins.

Owns the project's files and how `pulumi` is called. The program reads its inputs from `spec.json`,
so that a test changes the program by changing data.
"""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engine import prepare
from tests.engine.versions import PLUGINS_OF

SECONDS = 120


@dataclass
class Stack:
    """One project with one stack, `dev`."""

    directory: Path
    program: str
    inside: tuple[str, ...] = ()
    _environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        state = self.directory / "state"
        state.mkdir()
        (self.directory / "Pulumi.yaml").write_text("name: standins\nruntime: python\n")
        (self.directory / "__main__.py").write_text(self.program)
        self._environment = {
            **os.environ,
            **prepare("standin", PLUGINS_OF["nas"]),
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "none",
            "NO_COLOR": "1",
        }
        self.pulumi("stack", "init", "dev")

    def spec(self, **values: Any) -> None:
        """What the program is from now on."""
        (self.directory / "spec.json").write_text(json.dumps(values))

    def pulumi(self, *arguments: str, status: int = 0) -> str:
        """What the command printed; its exit status must be `status`."""
        done = subprocess.run(
            [*self.inside, "pulumi", *arguments, "--non-interactive"],
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    def up(self, status: int = 0) -> str:
        """An update without the preview before it."""
        return self.pulumi("up", "--yes", "--skip-preview", status=status)

    def preview(self, *arguments: str, status: int = 0) -> str:
        """A preview with the differences spelled out."""
        return self.pulumi("preview", "--diff", *arguments, status=status)

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state, by resource name."""
        exported = json.loads(self.pulumi("stack", "export"))["deployment"]["resources"]
        return {resource["urn"].rpartition("::")[2]: resource for resource in exported}
