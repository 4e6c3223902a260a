"""The engine itself, asked which files it reads: what `review.layout` is made after."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from newt_tunnel.stackfile import layout, stacks
from newt_tunnel.stackfile.layout import ENDINGS
from newt_tunnel.stackfile.revisions import WorkingTree
from tests.engine import prepare

pytestmark = pytest.mark.lab

_PROJECT = {"name": "newt-tunnel", "runtime": "python", "stackConfigDir": "infra/stacks"}


class Engine:
    """A project in a folder of its own, with a stack called nas."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {
            **os.environ,
            **prepare(needed=["command"]),  # none is used, and this one needs no building
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_CONFIG_PASSPHRASE": "passphrase",
        }
        for name in ("state", "infra/stacks"):
            (folder / name).mkdir(parents=True)
        self.project(".yaml")
        self._run("stack", "init", "nas")
        for name in ("Pulumi.yaml", "infra/stacks/Pulumi.nas.yaml"):
            (folder / name).unlink()

    def project(self, ending: str) -> None:
        # JSON is YAML.
        (self.folder / f"Pulumi{ending}").write_text(json.dumps(_PROJECT))

    def stack(self, ending: str, **keys: str) -> None:
        config = keys or {"newt-tunnel:proof": ending}
        file = self.folder / f"infra/stacks/Pulumi.nas{ending}"
        file.write_text(json.dumps({"config": config}))

    def proof(self, folder: str = ".") -> str:
        return self._run("config", "get", "proof", "--stack=nas", folder=folder)

    def _run(self, *words: str, folder: str = ".") -> str:
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self.folder / folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def test_the_first_project_file_decides_and_a_stack_file_has_its_ending(engine: Engine) -> None:
    for ending in ENDINGS:
        engine.stack(ending)
    for ending in reversed(ENDINGS):
        engine.project(ending)
        assert engine.proof() == ending, "it comes before those that are there already"
    state = WorkingTree(engine.folder, prefix="")
    with pytest.raises(layout.LayoutError, match="more than one project file"):
        layout.project(state)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_clear_project_is_found_as_the_engine_finds_it(engine: Engine, ending: str) -> None:
    engine.project(ending)
    engine.stack(ending)
    state = WorkingTree(engine.folder, prefix="")
    project = layout.project(state)
    assert project is not None
    assert engine.proof() == ending
    assert layout.stack_files(state, project).paths == {
        "nas": f"infra/stacks/Pulumi.nas{ending}",
    }
    other = next(one for one in ENDINGS if one != ending)
    engine.stack(other)
    assert engine.proof() == ending, "the ending of the project file"
    assert "nas" in layout.stack_files(state, project).unclear


def test_a_project_above_is_found(engine: Engine) -> None:
    engine.project(".yaml")
    engine.stack(".yaml")
    assert engine.proof("infra/stacks") == ".yaml"
    with pytest.raises(layout.LayoutError, match="the engine reads this one"):
        layout.project(WorkingTree(engine.folder / "infra/stacks", prefix="infra/stacks/"))


def test_a_key_without_a_project_is_read(engine: Engine) -> None:
    engine.project(".yaml")
    engine.stack(".yaml", proof="warn")
    assert engine.proof() == "warn"


def test_in_json_the_engine_takes_what_the_review_refuses(engine: Engine) -> None:
    engine.project(".json")
    file = engine.folder / "infra/stacks/Pulumi.nas.json"
    texts = {
        "caps": '{"CONFIG": {"newt-tunnel:proof": "caps"}}',
        "second": '{"config": {}, "config": {"newt-tunnel:proof": "second"}}',
    }
    state = WorkingTree(engine.folder, prefix="")
    project = layout.project(state)
    assert project is not None
    for value, text in texts.items():
        file.write_text(text)
        assert engine.proof() == value
        found = stacks.load_stack(state, project, "infra/stacks/Pulumi.nas.json")
        assert isinstance(found, stacks.Unloadable)
