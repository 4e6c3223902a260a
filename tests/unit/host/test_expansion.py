"""``egress.names.expand`` and the function ``expand`` of newt-egress must do the same."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from newt_tunnel.egress import iptables, nftables
from newt_tunnel.egress.model import HostName
from newt_tunnel.egress.placeholders import expand
from tests.unit.egress.cases import CAGE, golden
from tests.unit.host.program import NEWT_EGRESS, shell_function

RESOLUTION: Mapping[HostName, Sequence[IPv4Address]] = {
    HostName("nas.lan"): [IPv4Address("10.0.1.10")],
    HostName("pangolin.example.com"): [IPv4Address("203.0.113.10"), IPv4Address("203.0.113.11")],
    HostName("wiki.lan"): [IPv4Address("10.0.1.51"), IPv4Address("10.0.1.52")],
}


def on_the_host(text: str, folder: Path) -> list[str]:
    resolved, rules = folder / "resolved", folder / "rules"
    resolved.write_text(
        "".join(f"{name} {ip}\n" for name, answers in RESOLUTION.items() for ip in answers)
    )
    rules.write_text(text)
    script = f'{shell_function(NEWT_EGRESS, "expand")}\nexpand "$@"'
    done = subprocess.run(
        ["sh", "-euc", script, "sh", resolved, rules], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("case", ["nas", "names", "ports", "blocks", "pangolin-all"])
def test_the_host_repeats_lines_as_the_model_does(case: str, tmp_path: Path) -> None:
    policy = golden(case)
    for text in (iptables.render(policy, CAGE).rules4, nftables.render(policy, CAGE)):
        assert on_the_host(text, tmp_path) == list(expand(text.splitlines(), RESOLUTION))


def test_the_host_keeps_the_first_of_two_elements_with_one_target(tmp_path: Path) -> None:
    text = nftables.render(golden("overlaps"), CAGE)
    kept = [line for line in on_the_host(text, tmp_path) if " . tcp . 3000 " in line]
    assert kept == ['\t\t\t10.0.1.50 . tcp . 3000 comment "newt: again",'], "nft counts one only"
