"""A real git repository with the example stacks in it, on its own in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).parents[3]
NAS, K3S_HOME = "stacks/Pulumi.nas.yaml", "stacks/Pulumi.k3s-home.yaml"
#: Nothing of the machine's own configuration, and the same hashes every time.
_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_NAME": "somebody" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "somebody@example.com" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_DATE": "2026-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")},
}


class Repository:
    """``main`` holds Pulumi.yaml and both examples; the branch ``change`` is checked out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "stacks").mkdir(parents=True)
        for name in ("Pulumi.yaml", NAS, K3S_HOME):
            shutil.copy(PROJECT / name, folder / name)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()
        self.git("checkout", "--quiet", "-b", "change")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env={**os.environ, **_ENVIRONMENT},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self) -> str:
        """Everything as it is; its hash."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")

    def edit(self, file: str, changes: Mapping[str, str]) -> None:
        """Replace text that is there, each once."""
        text = (self.folder / file).read_text()
        for old, new in changes.items():
            assert text.count(old) == 1, f"{file} has {text.count(old)} times: {old}"
            text = text.replace(old, new)
        (self.folder / file).write_text(text)

    def write(self, file: str, text: str) -> None:
        (self.folder / file).write_text(text)

    def review(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``python -m newt_tunnel review ARGUMENTS``, as a workflow runs it."""
        return subprocess.run(
            [sys.executable, "-m", "newt_tunnel", "review", "-C", str(self.folder), *arguments],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def facts(markdown: str) -> list[str]:
    """Headings and list items: everything a reviewer is told, without the pictures."""
    return [
        line
        for line in markdown.splitlines()
        if line.startswith(("### ", "- ", "  - "))
        or (line.startswith("**") and line.endswith("**"))
    ]
