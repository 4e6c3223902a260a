"""The workflow files: what every one of them must keep, and what two linters say.

The shell is in scripts, so a workflow decides nothing but who runs, where, and with which secrets.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import cache

ROOT = Path(__file__).parents[3]
GITHUB = sorted((ROOT / ".github/workflows").glob("*.yml"))
GITEA = sorted((ROOT / ".gitea/workflows").glob("*.yml"))
ALL = [*GITHUB, *GITEA]
#: Before a name, Gitea and Forgejo want the whole URL: they would look at another place first.
URL = "https://github.com/"
SCRIPTS = (
    "newt_tunnel/tools/forge/install",
    ".venv/bin/python -m newt_tunnel forge review",
    ".venv/bin/python -m newt_tunnel forge preview",
    ".venv/bin/python -m newt_tunnel forge drift",
    "make lint unit",
    'sudo env "PATH=$PATH" .ci/run',
)

each = pytest.mark.parametrize("file", ALL, ids=lambda file: str(file.relative_to(ROOT)))


def workflow(file: Path) -> dict[str, Any]:
    # YAML 1.1 takes the key `on` for true.
    document: dict[Any, Any] = yaml.safe_load(file.read_text())
    document["on"] = document.pop(True)
    return document


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(file)["jobs"].values() for step in job["steps"]]


def test_the_workflows_are_there_for_every_forge() -> None:
    names = ["ci.yml", "drift.yml", "preview.yml"]
    assert [file.name for file in GITHUB] == [file.name for file in GITEA] == names


def test_no_forge_finds_two_folders_to_read() -> None:
    # Forgejo reads the first of .forgejo, .gitea and .github that is there, Gitea of the last two.
    assert not (ROOT / ".forgejo").exists()


@each
def test_actions_are_pinned_by_commit_and_name_their_version(file: Path) -> None:
    uses = re.findall(r"uses: (.*)", file.read_text())
    assert uses
    for line in uses:
        assert re.fullmatch(rf"({URL})?[\w-]+/[\w-]+@[0-9a-f]{{40}} # v\d+\.\d+\.\d+", line), line
        assert line.startswith(URL) == (file in GITEA)


@each
def test_a_checkout_leaves_no_token_behind(file: Path) -> None:
    checkouts = [step for step in steps(file) if "actions/checkout@" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@each
def test_permissions_are_none_but_what_a_job_names(file: Path) -> None:
    document = workflow(file)
    assert document["permissions"] == {}
    for name, job in document["jobs"].items():
        writes = {key for key, value in job["permissions"].items() if value != "read"}
        assert writes == ({"pull-requests"} if file.name == "preview.yml" else set()), name


@each
def test_nobody_runs_a_forks_code_with_secrets(file: Path) -> None:
    document = workflow(file)
    assert "pull_request_target" not in document["on"]
    assert "workflow_run" not in document["on"]
    for name, job in document["jobs"].items():
        if "secrets." not in str(job):
            continue
        if "pull_request" in document["on"]:
            same = "github.event.pull_request.head.repo.full_name == github.repository"
            assert same in job["if"], name
        assert "vars.NEWT_RUNNER != ''" in job["if"], name


@each
def test_every_command_is_a_script_without_anything_put_into_it(file: Path) -> None:
    commands = [step["run"] for step in steps(file) if "run" in step]
    assert commands
    assert set(commands) <= set(SCRIPTS)
    assert not any("${{" in command for command in commands)


@each
def test_every_job_ends_by_itself(file: Path) -> None:
    assert all(job["timeout-minutes"] for job in workflow(file)["jobs"].values())


@each
def test_the_installed_pulumi_is_the_one_of_the_requirements(file: Path) -> None:
    installed = [
        step["with"]["pulumi-version"]
        for step in steps(file)
        if "pulumi/actions@" in step.get("uses", "")
    ]
    required = re.search(r"^pulumi==(.*)$", (ROOT / "requirements.txt").read_text(), re.M)
    assert required
    assert set(installed) <= {required[1]}
    assert bool(installed) == (file.name != "ci.yml")


@pytest.mark.parametrize("name", ["ci.yml", "drift.yml", "preview.yml"])
def test_the_forges_run_the_same(name: str) -> None:
    def of(folder: str) -> dict[str, Any]:
        text = (ROOT / folder / "workflows" / name).read_text()
        text = re.sub(rf"uses: ({URL})?([\w-]+/[\w-]+)@.*", r"uses: \2", text)
        file: dict[str, Any] = yaml.safe_load(text.replace("ubuntu-latest", "ubuntu-24.04"))
        return file

    github, gitea = of(".github"), of(".gitea")
    # A container has no namespaces of its own to build the lab from.
    github["jobs"].pop("lab", None)
    assert gitea == github


def actionlint() -> Path:
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not Path(go).exists():
        pytest.skip("go is not installed, and actionlint is built with it")
    module = Path(__file__).parent / "actionlint"
    version = subprocess.run([go, "version"], check=True, capture_output=True, text=True).stdout

    def build(into: Path) -> None:
        """actionlint from its Go module: half a minute, once"""
        package = "github.com/rhysd/actionlint/cmd/actionlint"
        subprocess.run(
            [go, "build", "-o", str(into / "actionlint"), package],
            cwd=module,
            env={**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off"},
            check=True,
        )

    return cache.cached("actionlint", [module, version], build) / "actionlint"


def actionlint_says(*files: Path) -> str:
    by_url = rf'specifying action "{URL}[a-z]+/[a-z-]+@[0-9a-f]{{40}}" in invalid format'
    done = subprocess.run(
        # Gitea's way to name an action is unknown to it, and nothing else of Gitea's is used.
        [str(actionlint()), "-no-color", "-ignore", by_url, *map(str, files)],
        cwd=ROOT,
        # Its own look for shellcheck would find another version on every machine.
        env={**os.environ, "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (not done.stdout), done.stderr
    return done.stdout


def zizmor_says(*files: Path) -> str:
    done = subprocess.run(
        [
            *(f"{sys.prefix}/bin/zizmor", "--offline", "--no-config", "--no-progress"),
            *("--persona=pedantic", "--format=plain", *map(str, files)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_actionlint_finds_nothing() -> None:
    assert not actionlint_says(*ALL)


def test_zizmor_finds_nothing() -> None:
    assert not zizmor_says(*ALL)


def test_the_linters_would_find_something(tmp_path: Path) -> None:
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    bad = folder / "preview.yml"
    text = (ROOT / ".github/workflows/preview.yml").read_text()
    text = text.replace("on:\n  pull_request:", "on:\n  pull_request_target:")
    bad.write_text(
        text.replace("run: newt_tunnel/tools/forge/install", "run: echo ${{ github.head_ref }}")
    )
    assert "dangerous-triggers" in zizmor_says(bad)
    assert "template-injection" in zizmor_says(bad)
    assert "potentially untrusted" in actionlint_says(bad)
