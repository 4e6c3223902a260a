"""``overlap_of`` of newt-egress finds what the model calls an overlap, given a name's address."""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from newt_tunnel.egress.model import HostName, PortRange, Protocol
from newt_tunnel.egress.rules import Policy, Rule
from tests.unit.egress.cases import declaration, rule
from tests.unit.host.program import NEWT_EGRESS, shell_function

HOST = HostName("vault.lan")
#: busybox's shell takes its own awk.
SHELLS = [shell for shell in (("dash",), ("busybox", "sh")) if shutil.which(shell[0])]


def overlap(shell: tuple[str, ...], folder: Path, allowed: Rule, forbidden: Rule, at: str) -> str:
    policy = Policy(allowed=(allowed,), forbidden=(forbidden,), resolvers=(), server_names=())
    (folder / "declaration").write_text(declaration(policy).files["declaration"])
    script = f'{shell_function(NEWT_EGRESS, "overlap_of")}\nNEXT=$1; overlap_of "$2" "$3"'
    done = subprocess.run(
        [*shell, "-euc", script, "sh", folder, HOST, at], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_both_entries_are_named(shell: tuple[str, ...], tmp_path: Path) -> None:
    allowed = rule("gitea", "10.0.1.0/24", "22,3000-3010/tcp")
    forbidden = rule("vault", HOST, "3005/tcp")

    assert overlap(shell, tmp_path, allowed, forbidden, "10.0.1.50") == (
        "mustNotReach vault (3005/tcp) overlaps with gitea (10.0.1.0/24 22,3000-3010/tcp), which "
        "newt may reach; narrow the one or remove the other"
    )
    assert overlap(shell, tmp_path, allowed, forbidden, "10.0.2.50") == ""
    assert overlap(shell, tmp_path, allowed, rule("vault", HOST, "3005/udp"), "10.0.1.50") == ""
    assert overlap(shell, tmp_path, allowed, rule("vault", HOST, "23/tcp"), "10.0.1.50") == ""


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_host_finds_what_the_model_calls_an_overlap(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    draw = random.Random(14)  # the same cases every time
    verdicts = []
    for _ in range(120):
        address = IPv4Address(draw.getrandbits(32))
        forbidden, allowed = _drawn(draw, "vault"), _drawn(draw, "gitea")
        near = IPv4Address(int(address) ^ draw.choice((0, 1, 1 << draw.randrange(32))))
        block = IPv4Network((near, draw.choice((0, 1, 8, 23, 31, 32))), strict=False)
        allowed = replace(allowed, destination=block)
        expected = replace(forbidden, destination=IPv4Network(address)).overlaps(allowed)
        forbidden = replace(forbidden, destination=HOST)

        found = overlap(shell, tmp_path, allowed, forbidden, str(address))

        assert bool(found) == expected, f"{allowed} {forbidden} {address}"
        verdicts.append(expected)
    assert 20 < sum(verdicts) < 100, "most cases show nothing"


def _drawn(draw: random.Random, name: str) -> Rule:
    protocol = draw.choice((Protocol.TCP, Protocol.TCP, Protocol.UDP, Protocol.ANY))
    starts = [draw.choice((1, 9, 10, 21, 100, 65530)) for _ in range(draw.randrange(1, 3))]
    ports = tuple(PortRange(start, start + draw.randrange(4)) for start in sorted(set(starts)))
    return Rule(
        name=name,
        destination=HOST,
        protocol=protocol,
        ports=() if protocol is Protocol.ANY else ports,
        origin="egress[0]",
    )
