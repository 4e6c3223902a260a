"""Commands among the outputs reach the user whole."""

from __future__ import annotations

import subprocess

import pytest

from components.shell_commands import SHOWN_OF_A_LINE, folded
from tests.unit.components import k3s_home, nas

LONG_CONTEXT = "arn:aws:eks:eu-central-1:123456789012:cluster/the-cluster-of-the-platform-team"


def test_a_short_command_is_one_line() -> None:
    assert folded("ssh root@10.0.1.10 true") == "ssh root@10.0.1.10 true"


@pytest.mark.parametrize("words", [20, 60, 100])
def test_a_folded_command_is_the_same_to_a_shell(words: int) -> None:
    command = " ".join(["printf '%s\\n'", *(f"word-{n}" for n in range(words))])
    text = folded(command)
    assert all(len(line) <= SHOWN_OF_A_LINE for line in text.splitlines())
    said = [
        subprocess.run(["sh", "-c", each], capture_output=True, text=True, check=True).stdout
        for each in (command, text)
    ]
    assert said[0] == said[1]


def test_no_line_under_verify_is_longer_than_the_engine_shows() -> None:
    docker = {"address": "192.168.178.201", "user": "a-rather-long-user-name", "sudo": True}
    outputs = [
        nas.deploy({"docker": docker}).stack_outputs["verify"],
        k3s_home.deploy({"kubernetes.context": LONG_CONTEXT}).stack_outputs["verify"],
    ]
    for line in (line for each in outputs for text in each for line in text.splitlines()):
        assert len(line) <= SHOWN_OF_A_LINE, line
