"""A checkout on a runner: a small repository with the forge jobs in it, and a job that runs there.

`python -m newt_tunnel review` and `pulumi` are stand-ins here: what they say is a test's to
choose. Everything else is real: git, the process, its environment, its exit status.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.unit.forge.dummy import NUMBER, REPOSITORY, TOKEN, DummyForge

ROOT = Path(__file__).parents[3]
#: Prints what the test left for it, and tells what it was asked.
REVIEW = """
import json, os, pathlib, sys


def main(arguments):
    here = pathlib.Path(__file__).parents[3]
    asked = {"argv": arguments, "environment": dict(os.environ)}
    (here / "asked-review.json").write_text(json.dumps(asked))
    said = json.loads((here / "say-review.json").read_text())
    sys.stderr.write(said["stderr"])
    sys.stdout.write(said["stdout"])
    return said["status"]
"""
PULUMI = f"""#!{sys.executable}
import json, os, pathlib, sys
here = pathlib.Path.cwd()
with (here / "asked-pulumi.jsonl").open("a") as asked:
    asked.write(json.dumps({{"argv": sys.argv[1:], "environment": dict(os.environ)}}) + "\\n")
said = json.loads((here / "say-pulumi.json").read_text())
said = said.get(" ".join(sys.argv[1:3]), said.get(sys.argv[1]))
sys.stderr.write(said.get("stderr", ""))
sys.stdout.write(said.get("stdout", ""))
sys.exit(said.get("status", 0))
"""
PROJECT = "name: newt-tunnel\nruntime: python\nstackConfigDir: stacks\n"
STACK = "config:\n  newt-tunnel:platform: docker\n"


@dataclass
class Checkout:
    """``say_review`` and ``say_pulumi`` before ``run``; ``branch`` is what the pull request has."""

    folder: Path
    base: str = ""
    head: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "newt_tunnel", self.folder / "newt_tunnel", ignore=skip)
        self.write("Pulumi.yaml", PROJECT)
        self.write("newt_tunnel/tools/review/command.py", REVIEW)
        self.write("bin/pulumi", PULUMI)
        (self.folder / "bin/pulumi").chmod(0o755)
        self.write(".gitignore", "/bin\n/say-*\n/asked-*\n/event.json\n/summary\n__pycache__\n")
        for name in ("k3s-home", "nas"):
            self.write(f"stacks/Pulumi.{name}.yaml", STACK)
        self.write("__main__.py", "")
        self.git("init", "--quiet", "--initial-branch=main")
        self.base = self.head = self.commit("as it was")
        self.say_review("## Reach\n")
        self.say_pulumi()

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        command = ["git", *identity, "-c", "commit.gpgsign=false", "-C", str(self.folder), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def branch(self, **files: str) -> None:
        """The pull request's change; `/` in a path is written `__`."""
        for path, text in files.items():
            self.write(path, text)
        self.head = self.commit("the change")

    def say_review(self, stdout: str, *, stderr: str = "", status: int = 0) -> None:
        self.write(
            "say-review.json", json.dumps({"stdout": stdout, "stderr": stderr, "status": status})
        )

    def say_pulumi(self, **answers: Any) -> None:
        """Answers by command; `stack_export` is for `pulumi stack export`."""
        usual: dict[str, Any] = {
            "config": {"stdout": "{}"},
            "preview": {"stdout": "Resources:\n    12 unchanged\n"},
            "stack export": {"stdout": json.dumps({"deployment": {"resources": []}})},
            "up": {"stdout": "Resources:\n    +-1 replaced\n"},
        }
        given = {key.replace("_", " "): value for key, value in answers.items()}
        self.write("say-pulumi.json", json.dumps(usual | given))

    @property
    def asked_review(self) -> Any:
        return json.loads((self.folder / "asked-review.json").read_text())

    @property
    def asked_pulumi(self) -> list[Any]:
        file = self.folder / "asked-pulumi.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text()

    def run(
        self, job: str, forge: DummyForge, *, fork: str | None = REPOSITORY
    ) -> subprocess.CompletedProcess[str]:
        """Runs a job as the workflow does. ``fork`` is the repository of the branch; None: it was
        deleted.
        """
        head_repository = None if fork is None else {"full_name": fork}
        pull = {
            "number": NUMBER,
            "base": {"sha": self.base, "repo": {"full_name": REPOSITORY}},
            "head": {"sha": self.head, "repo": head_repository},
        }
        self.write("event.json", json.dumps({"pull_request": pull}))
        return subprocess.run(
            [sys.executable, "-m", "newt_tunnel", "forge", job],
            cwd=self.folder,
            env={
                "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                "FORGE_TOKEN": TOKEN,
                "GITHUB_ACTIONS": "true",
                "GITHUB_API_URL": forge.url,
                "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
                "GITHUB_REPOSITORY": REPOSITORY,
                "GITHUB_RUN_ID": "900000001",
                "GITHUB_RUN_NUMBER": "12",
                "GITHUB_SERVER_URL": "https://forge.example.com",
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
                "PYTHONDONTWRITEBYTECODE": "1",
                # As the workflow passes what is not set in the repository.
                "NEWT_REVIEW_FAIL_ON": "",
                "NEWT_RUNNER": "",
                "PULUMI_ACCESS_TOKEN": "",
                "PULUMI_CONFIG_PASSPHRASE": "",
                **forge.flavour.variables,
                **self.variables,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
