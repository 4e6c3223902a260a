"""What is rendered is compared with files, so that a change of a rule can be read in a review.

A directory per case under ``tests/golden``: ``policy.txt`` goes in, all the rest comes out. What
does not depend on the policy is in ``every-policy``, once. After a wanted change write the files
anew and read the diff:

    python -m pytest tests/unit/egress --update-golden        (or: make golden)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

import pytest

from newt_tunnel.egress import iptables, nftables, proof_plan
from newt_tunnel.egress.cage import Firewall, Hook
from newt_tunnel.egress.iptables import Jump, Ruleset
from newt_tunnel.egress.rules import Policy
from tests.unit.egress.cases import CAGE, GOLDEN, declaration, golden

CASES = sorted(file.parent.name for file in GOLDEN.glob("*/policy.txt"))
EVERY_POLICY = "every-policy"
_INPUT = "policy.txt"
PREROUTING = replace(CAGE, hook=Hook.PREROUTING)
DOCKER_USER = replace(CAGE, hook=Hook.DOCKER_USER)


@pytest.mark.parametrize("case", CASES)
def test_a_policy_renders_what_its_golden_files_say(case: str, pytestconfig: pytest.Config) -> None:
    check(GOLDEN / case, rendered(golden(case)), pytestconfig)


def test_every_policy_renders_what_the_common_golden_files_say(pytestconfig: pytest.Config) -> None:
    one, *others = (common(golden(case)) for case in CASES)
    assert all(other == one for other in others), "this depends on the policy: move it to the cases"
    check(GOLDEN / EVERY_POLICY, one, pytestconfig)


def test_every_directory_of_golden_files_is_a_case() -> None:
    folders = {folder.name for folder in GOLDEN.iterdir()}
    assert folders == {*CASES, EVERY_POLICY}, f"a directory without {_INPUT} tests nothing"


def test_a_difference_from_a_golden_file_is_shown_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "rules4").write_text("kept\nold\n")
    (tmp_path / "gone").write_text("was rendered once\n")
    (tmp_path / "empty").write_text("was not empty once\n")
    files = {"rules4": "kept\nnew\n", "empty": ""}
    shown = set("".join(differences(tmp_path, files)).splitlines())
    assert {"-old", "+new", "-was rendered once", "-was not empty once"} <= shown
    write(tmp_path, files)
    assert not list(differences(tmp_path, files)), "updating did not settle it"


def rendered(policy: Policy) -> dict[str, str]:
    """File name to content: what depends on the policy."""
    return {
        "iptables.rules4": iptables.render(policy, PREROUTING).rules4,
        "docker-user.rules4": iptables.render(policy, DOCKER_USER).rules4,
        "nftables.nft": nftables.render(policy, replace(CAGE, firewall=Firewall.NFTABLES)),
        "declaration": _declaration(policy)[1],
        "proof.plan": proof_plan.render(proof_plan.plan(policy, CAGE)),
    }


def common(policy: Policy) -> dict[str, str]:
    """What does not. The rules for IPv6 do not depend on the hook either."""
    prerouting = iptables.render(policy, PREROUTING)
    docker_user = iptables.render(policy, DOCKER_USER)
    assert docker_user.rules6 == prerouting.rules6, "IPv6 has become a matter of the hook"
    before, _, after = _declaration(policy)
    return {
        "iptables.rules6": prerouting.rules6,
        "iptables.jumps": jumps(prerouting),
        "docker-user.jumps": jumps(docker_user),
        "declaration": f"{before}...\n{after}",
    }


def _declaration(policy: Policy) -> tuple[str, str, str]:
    """The policy's own lines, and what is before and after them."""
    before, last, rest = declaration(policy).files["declaration"].partition("persistence=systemd\n")
    own, first, after = rest.partition("table4=")
    return before + last, own, first + after


def jumps(ruleset: Ruleset) -> str:
    def lines(command: str, table: str, jumps: Iterable[Jump]) -> list[str]:
        return [f"{command} -t {table} -A {jump}\n" for jump in jumps]

    return "".join(
        lines("iptables", ruleset.table, ruleset.jumps4)
        + lines("ip6tables", ruleset.rules6.splitlines()[0].lstrip("*"), ruleset.jumps6)
    )


def check(folder: Path, files: Mapping[str, str], config: pytest.Config) -> None:
    """Fail with the difference from the golden files of ``folder``, or rewrite them on request."""
    if config.getoption("--update-golden", default=False):
        write(folder, files)
    difference = "".join(differences(folder, files))
    place = f"tests/{folder.parent.name}/{folder.name}"
    assert not difference, f"another text than {place} has:\n{difference}"


def differences(folder: Path, files: Mapping[str, str]) -> Iterable[str]:
    """Line by line. An empty text has no file."""
    present = {file.name: file.read_text() for file in folder.iterdir() if file.name != _INPUT}
    for name in sorted({*present, *files}):
        yield from unified_diff(
            present.get(name, "").splitlines(keepends=True),
            files.get(name, "").splitlines(keepends=True),
            f"golden/{name}",
            f"rendered/{name}",
        )


def write(folder: Path, files: Mapping[str, str]) -> None:
    texts = {name: content for name, content in files.items() if content}
    for file in folder.iterdir():
        if file.name not in {_INPUT, *texts}:
            file.unlink()
    for name, content in texts.items():
        (folder / name).write_text(content)
