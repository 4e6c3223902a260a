"""What is rendered is compared with files, so that a change of a rule can be read in a review.

A directory per case under ``tests/golden``: ``policy.txt`` goes in, all the rest comes out. After a
wanted change write them anew and read the diff:

    python -m pytest tests/unit/egress --update-golden        (or: make golden)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

import pytest

from egress import iptables, nftables, proof
from egress.cage import Firewall, Hook
from egress.iptables import Jump, Ruleset
from egress.model import Policy
from tests.unit.egress.cases import CAGE, GOLDEN, declaration, golden

CASES = sorted(file.parent.name for file in GOLDEN.glob("*/policy.txt"))
_INPUT = "policy.txt"


@pytest.mark.parametrize("case", CASES)
def test_a_policy_renders_what_its_golden_files_say(case: str, pytestconfig: pytest.Config) -> None:
    folder = GOLDEN / case
    files = rendered(golden(case))
    if pytestconfig.getoption("--update-golden", default=False):
        write(folder, files)
    difference = "".join(differences(folder, files))
    assert not difference, f"another text than tests/golden/{case} has:\n{difference}"


def test_every_directory_of_golden_files_is_a_case() -> None:
    folders = sorted(folder.name for folder in GOLDEN.iterdir())
    assert folders == CASES, f"a directory without {_INPUT} tests nothing"


def test_a_difference_from_a_golden_file_is_shown_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "rules4").write_text("kept\nold\n")
    (tmp_path / "gone").write_text("was rendered once\n")
    difference = "".join(differences(tmp_path, {"rules4": "kept\nnew\n"}))
    assert {"-old", "+new", "-was rendered once"} <= set(difference.splitlines())
    write(tmp_path, {"rules4": "kept\nnew\n"})
    assert not list(differences(tmp_path, {"rules4": "kept\nnew\n"})), "updating did not settle it"


def rendered(policy: Policy) -> dict[str, str]:
    """File name to content. Rules for IPv6 stand once: they depend on neither policy nor hook."""
    prerouting = iptables.render(policy, replace(CAGE, hook=Hook.PREROUTING))
    docker_user = iptables.render(policy, replace(CAGE, hook=Hook.DOCKER_USER))
    assert docker_user.rules6 == prerouting.rules6, "IPv6 has become a matter of the hook"
    return {
        "iptables.rules4": prerouting.rules4,
        "iptables.rules6": prerouting.rules6,
        "iptables.jumps": jumps(prerouting),
        "docker-user.rules4": docker_user.rules4,
        "docker-user.jumps": jumps(docker_user),
        "nftables.nft": nftables.render(policy, replace(CAGE, firewall=Firewall.NFTABLES)),
        "declaration": declaration(policy).files["declaration"],
        "proof.plan": proof.render(proof.plan(policy, CAGE)),
    }


def jumps(ruleset: Ruleset) -> str:
    def lines(command: str, table: str, jumps: Iterable[Jump]) -> list[str]:
        return [f"{command} -t {table} -A {jump}\n" for jump in jumps]

    return "".join(
        lines("iptables", ruleset.table, ruleset.jumps4)
        + lines("ip6tables", ruleset.rules6.splitlines()[0].lstrip("*"), ruleset.jumps6)
    )


def differences(folder: Path, files: dict[str, str]) -> Iterable[str]:
    present = {file.name: file.read_text() for file in folder.iterdir() if file.name != _INPUT}
    for name in sorted({*present, *files}):
        yield from unified_diff(
            present.get(name, "").splitlines(keepends=True),
            files.get(name, "").splitlines(keepends=True),
            f"golden/{name}",
            f"rendered/{name}",
        )


def write(folder: Path, files: dict[str, str]) -> None:
    for file in folder.iterdir():
        if file.name not in {_INPUT, *files}:
            file.unlink()
    for name, content in files.items():
        (folder / name).write_text(content)
