"""`python -m newt_tunnel`: one list of commands, and each of them explains itself."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from newt_tunnel.__main__ import COMMANDS, USAGE_ERROR, main

REPOSITORY = Path(__file__).parents[3]
TOOLS = REPOSITORY / "newt_tunnel" / "tools"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_the_list_names_each_command_with_its_question(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == (0 if arguments else USAGE_ERROR)
    said = capsys.readouterr()
    assert said.err == ""
    for name, (_, question) in COMMANDS.items():
        assert any(line.split() == [name, *question.split()] for line in said.out.splitlines())


def test_an_unknown_command_lists_the_valid_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chekc", "nas"]) == USAGE_ERROR
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"newt_tunnel: 'chekc' is not a command; write one of {', '.join(COMMANDS)}\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_under_its_own_name(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"usage: python -m newt_tunnel {command} ")
    assert said.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_option_is_an_error_under_the_commands_own_name(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--no-such-option"])
    assert end.value.code == USAGE_ERROR
    assert f"python -m newt_tunnel {command}: error: " in capsys.readouterr().err


def test_every_folder_of_tools_is_a_command() -> None:
    folders = {path.parent.name for path in TOOLS.glob("*/command.py")}
    modules = {module for module, _ in COMMANDS.values()}
    assert modules == {f"newt_tunnel.tools.{folder}.command" for folder in folders}
    assert folders == {path.parent.name for path in TOOLS.glob("*/__init__.py")}
    for name, (module, _) in COMMANDS.items():
        assert module == f"newt_tunnel.tools.{name.replace('-', '_')}.command"
        assert callable(import_module(module).main)


def test_the_front_door_opens_from_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "newt_tunnel", "help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m newt_tunnel COMMAND")
