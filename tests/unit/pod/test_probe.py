"""`newt-probe` in a shell of this machine, with a network that is made up."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from newt_tunnel.cluster.pod import PROBE
from newt_tunnel.egress.enforcers import EXEMPTIBLE, EXEMPTION
from newt_tunnel.egress.model import CLUSTER_CANARIES
from newt_tunnel.egress.proof_plan import Probe
from newt_tunnel.egress.proof_table import ProbeVerdict, Result, measurement, parse

#: What Kubernetes keeps of a failed pod's log, in bytes, and Pulumi shows to the user.
KEPT = 2048
NODE = "10.0.1.40"
#: Answers for what a test has opened: `nc [-u] -w SECONDS ADDRESS PORT`.
NC = """#!/bin/sh
[ "$1" != -u ] || shift
grep -qxF "$3 $4" "$(dirname "$0")/open"
"""


@dataclass(frozen=True)
class Said:
    status: int
    log: str

    @property
    def verdicts(self) -> dict[str, ProbeVerdict]:
        return {row.name: row.verdict for row in self.rows}

    @property
    def rows(self) -> tuple[Result, ...]:
        return parse(self.log.partition("\n\n")[0])

    @property
    def shown(self) -> str:
        """The end of the log."""
        return self.log.encode()[-KEPT:].decode()


@pytest.fixture
def network(tmp_path: Path) -> Path:
    nc = tmp_path / "nc"
    nc.write_text(NC)
    nc.chmod(0o755)
    return tmp_path


def probe(
    network: Path,
    *plan: Probe,
    opened: Iterable[tuple[str, int]] = (),
    role: str = "newt",
    mode: str = "enforce",
    accept: str = "",
    canary: str = "",
    generation: str = "first",
) -> Said:
    (network / "open").write_text("".join(f"{address} {port}\n" for address, port in opened))
    script = PROBE
    for waits, hurries in (("PAUSE=1", "PAUSE=0"), ("SECONDS_TO_SHUT=20", "SECONDS_TO_SHUT=0")):
        assert script.count(waits) == 1, f"newt-probe no longer says {waits}"
        script = script.replace(waits, hurries)
    done = subprocess.run(
        ["sh", "-c", script],
        env={
            "PATH": f"{network}:/usr/bin:/bin",
            "TMPDIR": str(network),
            "ACCEPT": accept,
            "CANARY": canary,
            "GENERATION": generation,
            "RULES": "0123456789abcdef",
            "EXEMPTIBLE": " ".join(EXEMPTIBLE),
            "EXEMPTION": EXEMPTION,
            "MODE": mode,
            "NODE": NODE,
            "PLAN": "\n".join(one.line for one in plan),
            "ROLE": role,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return Said(done.returncode, done.stdout)


def allow(name: str, address: str, port: int, protocol: str = "tcp") -> Probe:
    return Probe(name=name, address=address, protocol=protocol, port=str(port), must_reach=True)


def forbid(name: str, address: str, port: int, part_of: str = "") -> Probe:
    return Probe(
        name=name,
        address=address,
        protocol="tcp",
        port=str(port),
        must_reach=False,
        part_of=part_of,
    )


GITEA = allow("gitea", "10.43.0.50", 3000)
GRAFANA = forbid("grafana", "10.43.0.60", 3000)
KUBELET = forbid("node-kubelet", "@{node}", 10250)


def test_a_cage_that_is_shut_is_a_table_and_success(network: Path) -> None:
    said = probe(network, GITEA, GRAFANA, KUBELET, opened=[("10.43.0.50", 3000)])
    assert said.status == 0
    assert said.verdicts == {
        "gitea": ProbeVerdict.REACHED,
        "grafana": ProbeVerdict.NOT_PROVED,
        "node-kubelet": ProbeVerdict.NOT_PROVED,
    }
    assert NODE in said.log, "the placeholder is the node that the pod runs on"


def test_every_column_is_as_wide_as_the_longest_verdict(network: Path) -> None:
    said = probe(network, GITEA, allow("pangolin", "203.0.113.10", 51820, "udp"), GRAFANA)
    assert said.verdicts["pangolin"] is ProbeVerdict.SENT
    before_evidence = [line.rpartition("\t") for line in said.log.splitlines()[1:]]
    assert len({len((cells + tab).expandtabs()) for cells, tab, _ in before_evidence}) == 1, (
        "ragged"
    )


def test_a_tab_ends_each_cell_but_the_last(network: Path) -> None:
    said = probe(network, GITEA, GRAFANA, KUBELET)
    table = said.log.partition("\n\n")[0].splitlines()[1:]
    assert {line.count("\t") for line in table} == {5}


def test_a_table_says_when_and_of_which_generation_it_was_measured(network: Path) -> None:
    for generation in ("first", "2026-12-01T04:00:00Z"):
        found = measurement(probe(network, GITEA, generation=generation).log)
        assert found["generation"] == generation
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["measured"])


def test_a_canary_that_the_control_does_not_reach_is_refused_with_the_remedy(
    network: Path,
) -> None:
    canary = "10.43.0.10,9153"
    answered = [("10.43.0.10", 9153)]
    silent = probe(network, GITEA, role="control", canary=canary)
    assert silent.status == 1
    assert "kubernetes.gateCanary: 10.43.0.10,9153 does not answer from the control" in silent.shown
    assert "write NAMESPACE/SERVICE:PORT" in silent.shown
    assert silent.rows, "the table is there all the same"
    assert probe(network, GITEA, role="control", canary=canary, opened=answered).status == 0
    assert probe(network, GITEA, role="control", mode="warn", canary=canary).status == 1, (
        "a gate that always opens is no matter of the proof's mode"
    )
    assert probe(network, GITEA, role="newt").status == 0, "newt must not reach it"


def test_a_cluster_that_enforces_nothing_fails_and_is_told_so(network: Path) -> None:
    said = probe(network, GITEA, GRAFANA, KUBELET, opened=[("10.43.0.60", 3000), (NODE, 10250)])
    assert said.status == 1
    assert said.verdicts["grafana"] is ProbeVerdict.OPEN
    _, _, end = said.log.partition("\n\n")
    told, *rows = end.splitlines()
    assert told == "the cage is open: this cluster does not enforce newt's NetworkPolicy:"
    assert [row.split()[0] for row in rows] == ["grafana", "node-kubelet"]


@pytest.mark.parametrize("name", CLUSTER_CANARIES[:3])
def test_an_open_node_or_api_is_told_as_the_known_limit_it_is(network: Path, name: str) -> None:
    said = probe(network, forbid(name, NODE, 6443), GRAFANA, opened=[(NODE, 6443)])
    assert said.status == 1
    assert f"\n{EXEMPTION}:\n{name} " in said.log
    assert "does not enforce" not in said.log
    assert "kubernetes.acceptNodeAccess: true" in EXEMPTION


@pytest.mark.parametrize("name", ["grafana", *CLUSTER_CANARIES[3:]])
def test_nothing_else_is_excused(network: Path, name: str) -> None:
    opened = [(NODE, 10250), ("10.0.1.9", 80)]
    said = probe(
        network, forbid(name, "10.0.1.9", 80), KUBELET, opened=opened, accept=" ".join(EXEMPTIBLE)
    )
    assert said.status == 1
    assert said.verdicts == {name: ProbeVerdict.OPEN, "node-kubelet": ProbeVerdict.ACCEPTED}
    assert "does not enforce newt's NetworkPolicy" in said.log


def test_a_row_says_which_range_it_is_a_sample_of(network: Path) -> None:
    said = probe(
        network,
        forbid("lan", "10.0.1.1", 22, "10.0.1.0/24:all"),
        forbid("lan", "10.0.1.254", 5432, "10.0.1.0/24:all"),
        opened=[("10.0.1.254", 5432)],
    )
    assert said.status == 1
    assert [(row.destination, row.port, row.verdict) for row in said.rows] == [
        ("10.0.1.1", "22/tcp", ProbeVerdict.NOT_PROVED),
        ("10.0.1.254", "5432/tcp", ProbeVerdict.OPEN),
    ]
    assert all(row.evidence.endswith(", of 10.0.1.0/24:all") for row in said.rows)


def test_what_is_accepted_fails_nothing(network: Path) -> None:
    said = probe(network, KUBELET, opened=[(NODE, 10250)], accept=" ".join(EXEMPTIBLE))
    assert said.status == 0
    assert said.verdicts == {"node-kubelet": ProbeVerdict.ACCEPTED}


def test_the_reason_and_the_failing_rows_survive_what_is_kept_of_a_log(network: Path) -> None:
    """With the longest names and addresses there are, and many of them."""
    opened = [(f"fd00:1111:2222:3333:4444:5555:6666:{7000 + n}", 65535) for n in range(40)]
    of = "fd00:1111:2222:3333:4444:5555:6666:0/120:60000-65535"
    plan = [
        forbid(f"{n:02}-{'x' * 60}", address, port, of) for n, (address, port) in enumerate(opened)
    ]
    said = probe(network, *plan, opened=opened)
    assert said.status == 1
    assert len(said.rows) == 40, "the table in the log is whole"
    assert "does not enforce newt's NetworkPolicy:\n00-xxx" in said.shown
    assert "\nand 32 more in this log\n" in said.shown
    end = said.log.partition("\n\n")[2]
    assert len(end.encode()) <= KEPT, "nothing of it is cut off"


def test_a_long_plan_is_tried_whole_and_a_few_at_a_time(network: Path) -> None:
    """In a pod with little memory; all at once they were killed."""
    running, counted = network / "running", network / "counted"
    running.mkdir()
    (network / "nc").write_text(
        f"#!/bin/sh\ntouch {running}/$$\nls {running} | wc -l >>{counted}\nsleep 0.05\n"
        f"rm {running}/$$\nexit 1\n"
    )
    plan = [forbid(f"closed-{n}", "10.0.1.9", 1000 + n) for n in range(200)]
    said = probe(network, *plan)
    assert said.status == 0
    assert [row.name for row in said.rows] == [one.name for one in plan]
    most = max(map(int, counted.read_text().split()))
    assert 1 < most <= 48


def test_a_warning_says_so_and_lets_newt_start(network: Path) -> None:
    said = probe(network, GRAFANA, opened=[("10.43.0.60", 3000)], mode="warn")
    assert said.status == 0
    assert said.log.endswith("newt starts all the same: proof is warn\n")


def test_the_control_only_tells_who_answers(network: Path) -> None:
    said = probe(network, GRAFANA, GITEA, opened=[("10.43.0.60", 3000)], role="control")
    assert said.status == 0
    assert "the cage is open" not in said.log
    assert [row.evidence for row in said.rows] == ["control: connected", "control: no answer"]
