"""Where Compose is installed it reads the file. Its answer is a recording (recorded/README.md)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from newt_tunnel.tools.adopt import compose
from newt_tunnel.tools.adopt.yaml12 import load
from tests.unit.adopt.files import (
    ADDRESS,
    CANARY,
    ENDPOINT,
    NEWT_ID,
    Folder,
    keys,
    problems,
    uncommented,
)

RECORDED = Path(__file__).parent / "recorded"


def with_compose(folder: Folder, answer: str) -> None:
    """The files of the recording, and a Docker client whose `compose config` runs ``answer``."""
    for file in RECORDED.iterdir():
        folder.write(file.read_text(), file.name)
    folder.program(
        "docker",
        f'printf "%s " "$@" COMPOSE_EXPERIMENTAL_GIT_REMOTE="$COMPOSE_EXPERIMENTAL_GIT_REMOTE" '
        f'>>"{folder.path}/asked"; echo >>"{folder.path}/asked"\n'
        f'[ "$2" = version ] || {answer}',
    )


@pytest.fixture
def composed(folder: Folder) -> Folder:
    with_compose(folder, f'cat "{folder.path}/config.json"')
    return folder


def test_what_other_files_bring_in_is_read(composed: Folder) -> None:
    text = composed.adopted("--address", ADDRESS)
    assert problems(text) == []
    found = keys(text)
    assert found["newtId"] == NEWT_ID
    assert found["pangolin"] == {"endpoint": ENDPOINT, "addresses": ["203.0.113.10"]}
    assert found["newt"]["environment"] == {
        "MTU": "1400",
        "NEWT_METRICS_PROMETHEUS_ENABLED": "true",
        "PING_INTERVAL": "20s",
    }
    for refused in (
        "cap_add: NET_ADMIN",  # by `extends`
        "privileged: true",  # by a variable in a variable
        "security_opt",  # by the override
        "the mount of /run: the Docker socket is in it",
    ):
        assert f"#   - {refused}" in text
    taken = keys(uncommented(text))["egress"]
    assert [(one["name"], one["port"]) for one in taken] == [
        ("ssh-22-tcp", 22),
        ("ssh-8080-udp", 8080),
        ("ssh-80-tcp", 80),
        ("wiki", 80),
    ]
    assert taken[0]["container"] == f"{composed.project}/ssh", "not the name that Compose was told"
    assert "# redis: names no port; the old newt reaches it by network default" in text


def test_compose_is_asked_for_every_file_and_fetches_nothing(composed: Folder) -> None:
    composed.adopted()
    version, config = (composed.path / "asked").read_text().splitlines()
    assert version.startswith("compose version")
    files = " ".join(
        f"--file {composed.path / name}" for name in ("compose.yaml", "compose.override.yaml")
    )
    assert (
        config.split()
        == (
            f"compose {files} --project-name adopt --profile * config --format json "
            "COMPOSE_EXPERIMENTAL_GIT_REMOTE=false"
        ).split()
    )


def test_a_dollar_that_compose_doubled_is_one_again_and_no_variable(composed: Folder) -> None:
    found = compose.read(
        composed.path / "compose.yaml",
        {"PATH": f"{composed.path}:{os.environ['PATH']}", "b": "wrong"},
    )
    assert found.services["newt"].environment["NEWT_REGION"] == "a$b"


def test_its_answer_in_a_file_is_a_compose_file_too(folder: Folder) -> None:
    """What the error about `include` tells people to do, where they have Compose."""
    folder.write((RECORDED / "config.json").read_text())
    found = keys(folder.adopted("--address", ADDRESS))
    assert found["newtId"] == NEWT_ID
    assert found["newt"]["environment"]["MTU"] == "1400"


def test_a_file_that_compose_refuses_is_not_read_by_hand(folder: Folder) -> None:
    with_compose(folder, f"{{ echo 'invalid: {CANARY}' >&2; exit 15; }}")
    done = folder.run()
    assert done.returncode == 1
    assert "Compose refuses it; to see why, run: docker compose -f" in done.stderr
    assert CANARY not in done.stdout + done.stderr


def test_without_compose_the_other_files_are_named(folder: Folder) -> None:
    with_compose(folder, "exit 1")
    folder.program("docker", "exit 1")
    assert "`include` brings in another file, which only Compose can merge" in folder.run().stderr


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2222:22", "2222:22"),
        ("1:30.5", "1:30.5"),
        ("yes", "yes"),
        ("off", "off"),
        ("1_000", "1_000"),
        ("2001-01-01", "2001-01-01"),
        ("010", "010"),
        ("12", 12),
        ("0.5", 0.5),
        ("true", True),
        ("~", None),
        ("'12'", "12"),
    ],
)
def test_plain_text_means_what_it_means_to_compose(text: str, value: object) -> None:
    assert load(f"a: {text}") == {"a": value}


def test_anchors_and_merge_keys_are_read() -> None:
    assert load("a: &a {b: 1}\nc: {<<: *a, d: 2}") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}
