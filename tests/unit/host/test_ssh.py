"""How the Docker host is reached, and what is made of ssh's failures. The ssh here is a script."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from newt_tunnel.docker_host import ssh
from newt_tunnel.docker_host.ssh import HostKeyError, SshHost, UnreachableError
from newt_tunnel.docker_host.state import check_command

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI/0+pinned/key"
NAS = SshHost(address="10.0.1.10", port=2222, user="admin", host_key=HOST_KEY, sudo=True)

WILLING_SUDO = '[ "$1" = -n ] && [ $# -gt 1 ] || exit 9; shift; exec "$@"'


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is searched for commands before all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


# --- options ----------------------------------------------------------------------------------


def test_no_path_of_the_deploying_machine_is_in_the_options() -> None:
    words = re.split(r"[\s=]", " ".join(NAS.options))
    paths = {word for word in words if word.startswith(("/", "~", "."))}
    assert paths == {"/dev/null", "/bin/echo"}, "another workstation would see a change"


def test_the_options_are_the_same_on_every_workstation(monkeypatch: pytest.MonkeyPatch) -> None:
    before = NAS.options
    for name in ("HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.chdir("/")
    assert NAS.options == before


def test_the_pinned_host_key_is_the_only_one_that_is_trusted() -> None:
    options = NAS.options[1::2]
    assert NAS.options[::2] == ["-o"] * len(options)
    assert {
        "StrictHostKeyChecking=yes",
        "UserKnownHostsFile=/dev/null",
        "GlobalKnownHostsFile=/dev/null",
        "HostKeyAlgorithms=ssh-ed25519",
        f"KnownHostsCommand=/bin/echo %H {HOST_KEY}",
    } <= set(options)


def test_ssh_never_waits_for_somebody_to_type() -> None:
    assert {"BatchMode=yes", "ConnectTimeout=5"} <= set(NAS.options)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="OpenSSH is not on this machine")
def test_openssh_understands_the_options() -> None:
    done = subprocess.run(
        ["ssh", "-G", *NAS.options, "10.0.1.10"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    understood = done.stdout.splitlines()
    assert {"stricthostkeychecking true", "userknownhostsfile /dev/null"} <= set(understood)
    assert f"knownhostscommand /bin/echo %H {HOST_KEY}" in understood


def test_the_url_names_user_address_and_port() -> None:
    assert NAS.url == "ssh://admin@10.0.1.10:2222"


# --- becoming root ----------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["root", "admin"])
def test_without_sudo_a_command_stays_as_it_is(user: str) -> None:
    assert replace(NAS, user=user, sudo=False).as_root("sh -s -- apply") == "sh -s -- apply"


def test_root_needs_no_sudo() -> None:
    assert replace(NAS, user="root").as_root("sh -s -- apply") == "sh -s -- apply"


def test_with_sudo_the_command_runs_under_it_and_never_prompts(path: Path) -> None:
    command(path, "sudo", f'echo "sudo $1"; {WILLING_SUDO}')
    done = run_as_root("sh -c 'echo as \"$0\"; cat' root", stdin="the script")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "sudo -n\nsudo -n\nas root\nthe script", "standard input must get through"


@pytest.mark.parametrize("user", ["admin", "o'brien", "a b; echo hacked"])
def test_a_sudo_that_asks_for_a_password_is_an_error_with_a_remedy(path: Path, user: str) -> None:
    command(path, "sudo", "echo 'sudo: a password is required' >&2; exit 1")
    done = run_as_root("echo ran", user=user)
    assert (done.returncode, done.stdout) == (1, ""), "the command must not run"
    assert f"sudo asks {user} for a password" in done.stderr, "quoting has eaten the user"
    assert "docker.user" in done.stderr, "what to do is missing"


def test_the_status_of_the_command_comes_back_through_sudo(path: Path) -> None:
    command(path, "sudo", WILLING_SUDO)
    assert run_as_root("sh -c 'exit 7'").returncode == 7


def test_the_check_of_the_host_survives_sudo_and_two_shells(path: Path) -> None:
    command(path, "sudo", WILLING_SUDO)
    command(path, "nft", "cat >/dev/null")
    asked = check_command("nas").replace("/usr/local/sbin/newt-egress", str(path / "none"))
    done = run_as_root(asked)
    assert done.stdout == "state=absent\n", done.stderr


def run_as_root(
    command: str, *, user: str = "admin", stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    script = replace(NAS, user=user).as_root(command)
    return subprocess.run(
        ["sh", "-c", script], input=stdin, capture_output=True, text=True, check=False
    )


# --- looking ----------------------------------------------------------------------------------


def test_a_look_returns_what_the_command_printed(path: Path) -> None:
    command(path, "ssh", "echo state=absent; echo 'a warning of ssh' >&2")
    assert NAS.look(check_command("nas")) == "state=absent\n"


def test_a_look_goes_to_the_host_with_the_pinned_key_as_root(path: Path) -> None:
    command(path, "ssh", 'for word; do echo "$word"; done')
    words = NAS.look("id -u").splitlines()
    assert words == [*NAS.options, "-p", "2222", "admin@10.0.1.10", NAS.as_root("id -u")]


def test_a_look_leaves_our_standard_input_alone(path: Path, tmp_path: Path) -> None:
    command(path, "ssh", "cat; echo done")
    (tmp_path / "typed").write_text("what the user types for pulumi\n")
    ours = os.dup(0)
    try:
        with (tmp_path / "typed").open() as typed:
            os.dup2(typed.fileno(), 0)
            assert NAS.look("true") == "done\n", "ssh has swallowed it"
    finally:
        os.dup2(ours, 0)
        os.close(ours)


@pytest.mark.parametrize(
    ("complaint", "told"),
    [
        ("ssh: connect to host 10.0.1.10 port 2222: Connection refused", "Connection refused"),
        ("ssh: connect to host 10.0.1.10 port 2222: No route to host", "No route to host"),
        ("a banner of the host\nadmin@10.0.1.10: Permission denied (publickey).", "Permission"),
        ("", "without a word"),
    ],
)
def test_a_host_that_does_not_let_us_in_is_unreachable(
    path: Path, complaint: str, told: str
) -> None:
    command(path, "ssh", f"printf '%s\\n' '{complaint}' >&2; exit 255")
    with pytest.raises(UnreachableError, match=told) as error:
        NAS.look("true")
    assert "banner" not in str(error.value), "only the last line says why"


@pytest.mark.parametrize(
    "complaint",
    [
        "No ED25519 host key is known for [10.0.1.10]:2222 and you have requested strict checking."
        "\nHost key verification failed.",
        "Unable to negotiate with 10.0.1.10 port 2222: no matching host key type found. "
        "Their offer: ecdsa-sha2-nistp256",
    ],
)
def test_another_host_key_than_the_pinned_one_is_told_apart_from_silence(
    path: Path, complaint: str
) -> None:
    command(path, "ssh", f"printf '%s\\n' '{complaint}' >&2; exit 255")
    with pytest.raises(HostKeyError) as error:
        NAS.look("true")
    assert str(error.value) == complaint.splitlines()[-1]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'newt-egress: root is needed' >&2; exit 1", "newt-egress: root is needed"),
        ("exit 127", "exit status 127"),
    ],
)
def test_a_command_that_fails_on_the_host_is_another_error(
    path: Path, script: str, told: str
) -> None:
    command(path, "ssh", script)
    with pytest.raises(RuntimeError, match=told):
        NAS.look("true")


def test_a_machine_without_ssh_is_told_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(path))
    with pytest.raises(UnreachableError, match="install OpenSSH"):
        NAS.look("true")


def test_a_host_that_never_answers_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "_LOOK_SECONDS", 0.2)
    command(path, "ssh", "exec sleep 20")
    with pytest.raises(UnreachableError, match=r"no answer within 0\.2 s"):
        NAS.look("true")
