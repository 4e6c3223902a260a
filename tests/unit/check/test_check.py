"""`check`: a whole stack file without an engine, a host, a cluster or a passphrase."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from newt_tunnel.settings.pangolin_cloud import CLOUD
from newt_tunnel.tools.check.command import INVALID, USAGE_ERROR, VALID, main
from tests.unit.settings.example import ABSENT, PREFIX, STACKS, TREES, stack

REPOSITORY = Path(__file__).parents[3]
ENCRYPTED = {"secure": "v1:AAAAAAAA:never-decrypted"}
#: What a checkout adds, by platform.
COMPLETE = {
    "docker": {"newtSecret": ENCRYPTED},
    "kubernetes": {"newtSecret": ENCRYPTED, "kubeconfig": ENCRYPTED},
}
NAMES = {"docker": "nas", "kubernetes": "k3s-home"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project without a stack file."""
    (tmp_path / "stacks").mkdir()
    for file in STACKS.glob("blueprint.*.yaml"):
        (tmp_path / "stacks" / file.name).write_text(file.read_text())
    (tmp_path / "Pulumi.yaml").write_text("name: newt-tunnel\nstackConfigDir: stacks\n")
    return tmp_path


def write(folder: Path, name: str, tree: Mapping[str, Any], **around: object) -> None:
    config = {f"{PREFIX}{key}": value for key, value in tree.items()}
    file = folder / "stacks" / f"Pulumi.{name}.yaml"
    file.write_text(yaml.safe_dump({"config": config, **around}))


@pytest.fixture
def both(folder: Path) -> Path:
    for platform, name in NAMES.items():
        write(folder, name, TREES[platform](COMPLETE[platform]))
    return folder


def test_the_shipped_examples_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], REPOSITORY) == VALID
    said = capsys.readouterr()
    assert "nas: valid (docker)" in said.out
    assert "k3s-home: valid (kubernetes)" in said.out
    assert said.err == ""


def test_without_a_name_every_stack_is_checked_and_with_one_only_that(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], both) == VALID
    assert [line for line in capsys.readouterr().out.splitlines() if "valid" in line] == [
        "k3s-home: valid (kubernetes)",
        "nas: valid (docker)",
    ]
    assert main(["nas"], both) == VALID
    assert "k3s-home" not in capsys.readouterr().out


def test_the_table_has_what_newt_may_and_must_not_reach(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["nas"], both)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    head, never = (["NAME", *words, "PORTS", "BECAUSE", "OF"] for words in (MAY, MUST_NOT))
    allowed = lines[lines.index(head) + 1 : lines.index(never)]
    assert ["gitea", "10.0.1.50", "3000/tcp", "egress"] in allowed
    assert ["pangolin", "203.0.113.10", "443/tcp,", "51820/udp", "pangolin.ports"] in allowed
    assert ["postgres", "10.0.1.60", "5432/tcp", "mustNotReach"] not in allowed
    assert ["postgres", "10.0.1.60", "5432/tcp", "mustNotReach"] in lines[lines.index(never) :]


MAY, MUST_NOT = ("MAY", "REACH"), ("MUST", "NOT", "REACH")


@pytest.mark.parametrize(
    ("platform", "key", "value", "named"),
    [
        ("docker", "docker.subnet", "172.30.0.0/99", "docker.subnet: 172.30.0.0/99"),
        ("docker", "egress[0].port", 99999, "egress[0].port: 99999"),
        ("docker", "dockr", {}, "dockr"),
        ("docker", "pangolin", ABSENT, "pangolin"),
        ("kubernetes", "kubernetes.namespace", "No Name", "kubernetes.namespace"),
        ("kubernetes", "egress[0].port", 0, "egress[0].port: 0"),
        ("kubernetes", "docker", {"address": "10.0.1.10"}, "docker"),
    ],
)
def test_a_broken_file_names_its_key_and_the_other_stacks_are_still_checked(
    both: Path,
    capsys: pytest.CaptureFixture[str],
    platform: str,
    key: str,
    value: object,
    named: str,
) -> None:
    write(both, NAMES[platform], TREES[platform]({**COMPLETE[platform], key: value}))
    (other,) = {*NAMES.values()} - {NAMES[platform]}
    assert main([], both) == INVALID
    said = capsys.readouterr()
    assert f"Pulumi.{NAMES[platform]}.yaml: the program would refuse it:\n" in said.err
    assert f"  {named}" in said.err
    assert f"{other}: valid" in said.out
    assert f"{NAMES[platform]}: valid" not in said.out


@pytest.mark.parametrize("platform", TREES)
def test_the_cloud_is_shown_as_the_nodes_that_it_stands_for(
    platform: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "x", TREES[platform]({**COMPLETE[platform], "pangolin": "cloud"}))
    assert main([], folder) == VALID
    said = capsys.readouterr().out
    for node in CLOUD.nodes:
        assert re.search(rf"^  pangolin +{node} +80/tcp, 51820/udp +pangolin.nodes$", said, re.M)
    assert re.search(r"^  pangolin +app.pangolin.net +443/tcp +pangolin.ports$", said, re.M)
    assert f"pangolin.nodes: cloud: {CLOUD}" in said


def test_pangolin_cloud_without_nodes_is_refused_in_plain_words(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = {"endpoint": "https://app.pangolin.net"}
    write(folder, "x", stack({**COMPLETE["docker"], "pangolin": alone}))
    assert main([], folder) == INVALID
    assert "a newt of Pangolin Cloud gets no tunnel at app.pangolin.net" in capsys.readouterr().err


def test_what_is_no_yaml_is_invalid_without_a_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "stacks" / "Pulumi.nas.yaml").write_text("config: [")
    assert main(["nas"], folder) == INVALID
    assert capsys.readouterr().err.startswith("check: stacks/Pulumi.nas.yaml: ")


def test_an_unknown_stack_lists_those_that_there_are(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["nsa"], both) == INVALID
    assert "nsa: is no stack here; there are: k3s-home, nas" in capsys.readouterr().err


@pytest.mark.parametrize("with_project", [True, False])
def test_where_no_stack_file_is_the_status_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], *, with_project: bool
) -> None:
    if not with_project:
        (folder / "Pulumi.yaml").unlink()
    assert main([], folder) == USAGE_ERROR
    said = capsys.readouterr()
    assert said.out == ""
    assert "Pulumi.yaml: " in said.err


# what a checkout adds


def still_to_be_set(said: str) -> list[str]:
    _, found, rest = said.partition("still to be set:\n")
    return [line.strip().partition(":")[0] for line in rest.splitlines()] if found else []


@pytest.mark.parametrize(
    ("platform", "changes", "missing"),
    [
        ("docker", {"docker.hostKey": ABSENT}, ["docker.hostKey", "newtSecret"]),
        ("docker", {}, ["newtSecret"]),
        ("docker", {"newtId": ABSENT}, ["newtId", "newtSecret"]),
        ("docker", {"newtId": ABSENT, "newtProvisioningKey": ENCRYPTED}, []),
        ("docker", {"newtSecret": ENCRYPTED}, []),
        ("kubernetes", {"kubernetes.context": "k3s-home"}, ["newtSecret"]),
        ("kubernetes", {"kubernetes.context": ABSENT}, ["kubernetes.context", "newtSecret"]),
        ("kubernetes", {"newtSecret": ENCRYPTED, "kubeconfig": ENCRYPTED}, []),
    ],
)
def test_what_is_still_to_be_set_is_named_and_no_error(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    platform: str,
    changes: dict[str, Any],
    missing: list[str],
) -> None:
    write(folder, "mine", TREES[platform](changes))
    assert main(["mine"], folder) == VALID
    said = capsys.readouterr().out
    assert still_to_be_set(said) == missing
    if "newtSecret" in missing:
        assert "newtSecret: (missing): run: pulumi config set --secret newtSecret" in said


@pytest.mark.parametrize(
    ("platform", "changes", "named"),
    [
        ("docker", {"newtSecret": "in-the-clear-7"}, "newtSecret: (not shown): is stored in plain"),
        ("kubernetes", {"kubeconfig": "in-the-clear-7"}, "kubeconfig: (not shown): is stored"),
        ("docker", {"newtProvisioningKey": ENCRYPTED}, "newtId: (not shown): is set together"),
        ("docker", {"egress[0].host": ENCRYPTED}, "egress: (not shown): is stored encrypted"),
        (
            "docker",
            {
                "newtId": ABSENT,
                "newtProvisioningKey": ENCRYPTED,
                "newt": {"logLevel": "DEBUG"},
            },
            "newt.logLevel: DEBUG: is refused with newtProvisioningKey",
        ),
    ],
)
def test_secrets_that_the_program_refuses_are_refused_and_never_shown(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    platform: str,
    changes: dict[str, Any],
    named: str,
) -> None:
    write(folder, "mine", TREES[platform](changes))
    assert main(["mine"], folder) == INVALID
    said = capsys.readouterr()
    assert named in said.err
    assert "in-the-clear-7" not in said.out + said.err
    assert ENCRYPTED["secure"] not in said.out + said.err


def test_an_imported_environment_is_a_warning_that_does_not_speak_of_a_review(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "mine", TREES["docker"]({}), environment=["prod"])
    assert main(["mine"], folder) == VALID
    said = capsys.readouterr().out
    assert "warning: environment: its values are not in this repository" in said
    assert "review" not in said


# what only the host or the cluster knows


def test_what_only_the_docker_host_can_check_is_left_to_the_update(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["nas"], both)
    said = capsys.readouterr().out
    assert "not checked here, but by `pulumi up`, on the Docker host:\n" in said
    assert "  the addresses of homeassistant.lan\n" in said


def test_what_only_the_cluster_can_check_is_left_to_the_preview(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["k3s-home"], both)
    said = capsys.readouterr().out
    assert "not checked here, but by `pulumi preview`, which asks the cluster:\n" in said
    assert "  the pods and target ports of service homeassistant/homeassistant\n" in said
    assert "  which pods match gitea/app.kubernetes.io/component=gitea\n" in said
    assert "  the pods and target ports of service databases/postgres\n" in said, "in vain as well"


def test_addresses_alone_leave_nothing_to_check(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "nas", stack({**COMPLETE["docker"], "egress": ["10.0.1.50:3000:tcp"]}))
    assert main(["nas"], folder) == VALID
    assert "not checked here" not in capsys.readouterr().out


# texts that others wrote


def test_a_hostile_text_is_one_line_without_control_characters(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "a\nvalid (docker)\x1b[2J\u202e##[error]"
    entry = {"name": "one", "host": "10.0.1.50", "port": 1, "reason": hostile}
    write(folder, "nas", stack({**COMPLETE["docker"], "egress": [entry], "dockr\x1b": hostile}))
    main(["nas", hostile], folder)
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert not set("\x1b\u202e").intersection(text)
        assert "##[error]" not in text
        assert "\nvalid (docker)" not in text
    assert said.err.count("\n") == 1 + 2 + 1, "a line per problem, and one for each stack"


def test_the_whole_command_needs_neither_engine_nor_passphrase(both: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if "PULUMI" not in key}
    done = subprocess.run(
        [sys.executable, "-m", "newt_tunnel", "check"],
        cwd=both,
        env={**environment, "PATH": "/nonexistent", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (VALID, "")
    assert done.stdout.count(": valid (") == len(NAMES)
