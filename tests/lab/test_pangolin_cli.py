"""The stand-in for pangolin-cli behaves as its source and documents say, by itself: so what the
stack gives it is needed."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from .artifacts import NEWT_VERSIONS, PANGOLIN_CLI_ENTRYPOINT, PANGOLIN_CLI_VERSION, pangolin_cli

pytestmark = pytest.mark.lab

ENDPOINT = "https://203.0.113.10"
SECONDS = 8  # it asks for an update after three, and goes on until it is ended
IDENTITY = {"PANGOLIN_ENDPOINT": ENDPOINT, "SITE_ID": "site", "SITE_SECRET": "secret"}


@pytest.fixture(scope="module")
def entrypoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "entrypoint.sh"
    path.write_bytes(PANGOLIN_CLI_ENTRYPOINT)
    return path


def started(entrypoint: Path, *words: str, **variables: str) -> str:
    """What the image would print in a network without anybody."""
    environment: Mapping[str, str] = {
        "PATH": f"{pangolin_cli().parent}:{os.environ['PATH']}",
        **variables,
    }
    command = ["unshare", "--net", "timeout", str(SECONDS), "sh", str(entrypoint), *words]
    done = subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def test_without_a_home_it_ends(entrypoint: Path) -> None:
    assert "no home directory" in started(entrypoint, "up", "site", **IDENTITY)


def test_without_a_command_or_a_sites_variables_it_starts_no_site(
    entrypoint: Path, tmp_path: Path
) -> None:
    assert "unknown command" in started(entrypoint, "pangolin-cli", HOME=str(tmp_path))


def test_it_asks_for_an_update_unless_it_is_told_that_it_is_in_a_container(
    entrypoint: Path, tmp_path: Path
) -> None:
    plain = started(entrypoint, **IDENTITY, HOME=str(tmp_path))
    assert f"pangolin-cli {PANGOLIN_CLI_VERSION}, newt {NEWT_VERSIONS[-1]} inside" in plain
    assert f"self-update: asked {ENDPOINT}" in plain
    told = started(entrypoint, **IDENTITY, HOME=str(tmp_path), NEWT_SYSTEM_SUBSTRATE="CONTAINER")
    assert "self-update: off" in told
    assert "self-update: asked" not in told


def test_its_file_is_below_its_home_and_newts_variables_win(
    entrypoint: Path, tmp_path: Path
) -> None:
    shown = started(
        entrypoint, "up", "site", "--show-config", HOME=str(tmp_path), SITE_ID="a", NEWT_ID="b"
    )
    assert f"Config File: {tmp_path}/.config/pangolin/site.json" in shown
    assert any(line.split() == ["id", "=", "b", "[environment]"] for line in shown.splitlines())


def test_the_file_may_be_elsewhere_and_hold_the_identity(entrypoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(f'{{"endpoint": "{ENDPOINT}", "id": "b", "secret": "c"}}')
    shown = started(
        entrypoint, "up", "site", "--show-config", HOME=str(tmp_path), CONFIG_FILE=str(file)
    )
    assert any(line.split() == ["id", "=", "b", "[file]"] for line in shown.splitlines())
