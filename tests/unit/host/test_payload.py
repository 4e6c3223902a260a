"""The script that travels to the Docker host, run for real with a harmless program in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from newt_tunnel.docker_host import payload
from newt_tunnel.docker_host.payload import Declaration
from newt_tunnel.docker_host.programs import EGRESS
from newt_tunnel.egress.cage import Firewall, Hook
from newt_tunnel.egress.instance import Instance
from tests.unit.egress.cases import CAGE, declaration, golden, policy
from tests.unit.host.program import NEWT_EGRESS, shell_function

SHELLS = (["sh"], ["dash"], ["busybox", "sh"])
CAGES = {
    "iptables": CAGE,
    "docker-user": replace(CAGE, hook=Hook.DOCKER_USER),
    "nftables": replace(CAGE, firewall=Firewall.NFTABLES),
}


@pytest.fixture(params=SHELLS, ids=" ".join)
def shell(request: pytest.FixtureRequest) -> list[str]:
    command: list[str] = request.param
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on this machine")
    return command


@pytest.fixture(params=CAGES)
def declared(request: pytest.FixtureRequest) -> Declaration:
    return declaration(golden("names"), CAGES[request.param])


def harmless(monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    """Let the program run ``first`` and stop. The real one stays below, as text to carry."""
    monkeypatch.setattr(payload, "EGRESS", f"{first}\nexit\n{NEWT_EGRESS}")


def run(
    shell: list[str], declared: Declaration, arguments: list[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, "-s", "--", *arguments],
        input=declared.script,
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        check=False,
    )


def test_the_host_computes_the_digest_that_is_declared(
    shell: list[str], declared: Declaration, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    digest = shell_function(NEWT_EGRESS, "digest")
    harmless(monkeypatch, f'{digest}\ndigest "${{0%/*}}"')
    done = run(shell, declared, ["apply", "first"], tmp_path)
    assert done.stdout.split() == [declared.digest], done.stderr


def test_every_file_arrives_byte_for_byte(
    shell: list[str], declared: Declaration, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arrived = tmp_path / "arrived"
    harmless(monkeypatch, f'cp -R "${{0%/*}}" "{arrived}"')
    done = run(shell, declared, ["apply", "first"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert {file.name: file.read_text() for file in arrived.iterdir()} == declared.files
    modes = {oct(file.stat().st_mode & 0o777) for file in arrived.iterdir()}
    assert modes == {"0o600"}, "somebody else on the host could read or change them"


def test_apply_hands_over_what_was_unpacked_and_the_generation(
    shell: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    harmless(monkeypatch, 'echo "$0" "$@"')
    done = run(shell, declaration(golden("nas")), ["apply", "2026-01-01T00:00:00Z"], tmp_path)
    program, *arguments = done.stdout.split()
    staging = str(Path(program).parent)
    assert arguments == ["apply", "--from", staging, "--generation", "2026-01-01T00:00:00Z"]


def test_remove_names_the_stack_that_owns_the_cage(
    shell: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    harmless(monkeypatch, 'echo "$@"')
    done = run(shell, declaration(golden("nas")), ["remove"], tmp_path)
    assert done.stdout.split() == [
        *("--instance", "nas", "remove", "--owner", "newt-tunnel/nas")
    ], done.stderr


@pytest.mark.parametrize("status", [0, 1, 7])
def test_the_status_of_the_program_is_the_status_of_the_script(
    shell: list[str], status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    harmless(monkeypatch, f"exit {status}")
    for arguments in (["apply", "first"], ["remove"]):
        done = run(shell, declaration(golden("nas")), arguments, tmp_path)
        assert done.returncode == status, "a failed update must not look like a good one"


def test_nothing_is_left_behind_in_a_temporary_directory_of_any_name(
    shell: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "with a 'space"
    folder.mkdir()
    harmless(monkeypatch, 'test -e "$0" && exit 3')
    done = run(shell, declaration(golden("nas")), ["apply", "first"], folder)
    assert done.returncode == 3, done.stderr
    assert list(folder.iterdir()) == [], "rules and program lie about"


def test_without_a_place_to_unpack_nothing_is_written_and_the_program_does_not_run(
    shell: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    harmless(monkeypatch, "echo ran")
    done = run(shell, declaration(golden("nas")), ["apply", "first"], tmp_path / "missing")
    assert done.returncode != 0, "a full or missing disk must be an error"
    assert "ran" not in done.stdout


def test_the_real_script_is_understood_by_the_shell(shell: list[str]) -> None:
    for cage in CAGES.values():
        script = declaration(golden("nas"), cage).script
        done = subprocess.run(
            [*shell, "-n"], input=script, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_rules_come_first_because_a_reviewer_wants_to_see_them() -> None:
    script = declaration(golden("nas")).script
    places = [script.index(f'"$staging/{name}"') for name in ("rules4", "rules6", "declaration")]
    assert places == sorted(places)
    assert script.index('cat >"$staging/newt-egress"') > places[-1], "the long program comes last"


def test_a_line_that_would_end_a_file_early_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "EGRESS", "echo\nEND-OF-NEWT-EGRESS\nrm -rf /\n")
    with pytest.raises(ValueError, match="newt-egress contains END-OF-NEWT-EGRESS"):
        _ = declaration(golden("nas")).script


def test_the_program_understands_the_declaration_that_it_comes_with() -> None:
    assert f"\nVERSION={payload.FORMAT}\n" in EGRESS, "an older one would replace it"


def test_the_digest_changes_with_everything_that_is_declared() -> None:
    nas = declaration(golden("nas"))
    others = [
        replace(nas, policy=golden("names")),
        replace(nas, cage=replace(CAGE, bridge="br-other")),
        replace(nas, cage=replace(CAGE, hook=Hook.DOCKER_USER)),
        replace(nas, cage=replace(CAGE, firewall=Firewall.NFTABLES)),
        replace(nas, owner="newt-tunnel/other"),
        replace(nas, names=replace(nas.names, network="other")),
        replace(nas, names=replace(nas.names, container="other")),
        replace(nas, cage=replace(CAGE, instance=Instance("other"))),
        replace(nas, persistence="cron"),
    ]
    assert len({one.digest for one in (nas, *others)}) == len(others) + 1
    assert declaration(golden("nas")).digest == nas.digest, "the same declaration, another digest"


def test_the_digest_changes_with_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    before = declaration(golden("nas")).digest
    harmless(monkeypatch, "true")
    assert declaration(golden("nas")).digest != before, "a new version would not be installed"


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("allow wiki wiki.lan 80/tcp", ["target wiki.lan"]),
        ("forbid vault vault.lan 80/tcp", ["forbidden vault.lan"]),
        ("endpoint p.example\nallow pangolin p.example 443/tcp", ["endpoint p.example"]),
        ("endpoint p.example\nallow web p.example 80/tcp", ["endpoint p.example"]),
        ("allow wiki 10.0.1.50 80/tcp\nforbid router 10.0.1.1 80/tcp", []),
    ],
)
def test_each_host_name_is_declared_once_with_the_role_that_limits_its_answers(
    text: str, roles: list[str]
) -> None:
    lines = declaration(policy(text)).files["declaration"].splitlines()
    assert [line.removeprefix("name=") for line in lines if line.startswith("name=")] == roles
