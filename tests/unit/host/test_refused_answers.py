"""What no host name may resolve to, as ``newt-egress`` judges it; its own shell runs here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.host.program import NEWT_EGRESS, shell_function

SHELLS = [["dash"], ["busybox", "sh"], ["bash", "--posix"]]
DECLARATION = """\
subnet=172.30.0.0/24
resolver=10.0.1.53
notpublic=10.0.0.0/8
name=forbidden secret.lan
name=endpoint pangolin.example.org
name=target gitea.lan
forbidden=router 10.0.1.1/32 tcp 80
forbidden=lan @{secret.lan} tcp 22
"""
FUNCTIONS = (
    *("values", "value", "names_of", "answer_of", "is_ipv4", "number", "within"),
    *("refused_answers", "objection"),
)
SCRIPT = "\n".join(
    [
        "ip() { echo '2: eth0    inet 10.0.1.10/24 brd 10.0.1.255 scope global eth0'; }",
        *(shell_function(NEWT_EGRESS, name) for name in FUNCTIONS),
        'objection "$3" "$4" "$(refused_answers "$1" "$2")"',
    ]
)
PUBLIC = "203.0.113.10"


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    (tmp_path / "declaration").write_text(DECLARATION)
    (tmp_path / "resolved").write_text("secret.lan 10.0.1.66\n")
    return tmp_path


def objection(folder: Path, role: str, name: str, address: str, shell: list[str]) -> str:
    command = [*shell, "-uc", SCRIPT, "newt-egress", str(folder), role, name, address]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "is loopback, link-local, multicast or reserved"),
        ("169.254.169.254", "is loopback, link-local, multicast or reserved"),
        ("255.255.255.255", "is loopback, link-local, multicast or reserved"),
        ("172.30.0.10", "is in newt's own network"),
        ("10.0.1.10", "is this Docker host itself"),
        ("10.0.1.53", "is a resolver"),
        ("10.0.1.1", "is forbidden: mustNotReach router"),
        ("10.0.1.66", "is forbidden: mustNotReach secret.lan"),
        ("10.0.1", "is not an IPv4 address"),
        ("10.0.1.50", ""),
        (PUBLIC, ""),
    ],
)
def test_an_address_is_refused_with_its_reason(
    declared: Path, address: str, reason: str, shell: list[str]
) -> None:
    assert objection(declared, "target", "gitea.lan", address, shell) == reason


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_only_the_endpoint_must_be_public(declared: Path, shell: list[str]) -> None:
    name = "pangolin.example.org"
    refused = objection(declared, "endpoint", name, "10.0.1.50", shell)
    assert refused.startswith("is not public (10.0.0.0/8); write it in pangolin.addresses")
    assert objection(declared, "endpoint", name, PUBLIC, shell) == ""


def test_a_name_that_is_forbidden_at_another_port_may_have_its_own_address(
    declared: Path,
) -> None:
    assert objection(declared, "target", "secret.lan", "10.0.1.66", SHELLS[0]) == ""
    assert objection(declared, "target", "secret.lan", "10.0.1.1", SHELLS[0]) != ""
