"""The table that ``newt-proof`` prints, read back. The program's own shell prints it here."""

from __future__ import annotations

import re
import subprocess

import pytest

from newt_tunnel.egress.proof_plan import Probe, plan, render
from newt_tunnel.egress.proof_table import ProbeVerdict, Result, measurement, parse, summary
from tests.unit.egress.cases import CAGE, golden
from tests.unit.host.program import NEWT_PROOF, shell_function

ROW = re.search(r"^ROW=.*$", NEWT_PROOF, re.MULTILINE)
HEADER = re.search(r"\brow RULE [A-Z ]+[A-Z]", NEWT_PROOF)
#: Reads the plan as newt-proof does and prints a row for each probe of it.
PRINT_PLAN = """
while read -r expected protocol address port name of; do
    row "$name" "$address" "$port/$protocol" "$expected" "blocked" "newt: silent${of:+, of $of}"
done
"""


def printed(shell: str, stdin: str = "") -> str:
    assert ROW, "newt-proof has another format for a row"
    assert HEADER, "newt-proof prints no header any more"
    script = f"{ROW[0]}\n{shell_function(NEWT_PROOF, 'row')}\n{HEADER[0]}\n{shell}"
    return subprocess.run(
        ["sh", "-euc", script], input=stdin, capture_output=True, text=True, check=True
    ).stdout


def result(
    verdict: ProbeVerdict, expected: str = "reach", evidence: str = "newt: connected"
) -> Result:
    return Result(
        name="gitea",
        destination="10.0.1.50",
        port="3000/tcp",
        expected=expected,
        verdict=verdict,
        evidence=evidence,
    )


@pytest.mark.parametrize("case", ["nas", "names", "ports", "blocks", "pangolin-all"])
def test_a_plan_survives_the_way_to_the_host_and_back(case: str) -> None:
    probes = plan(golden(case), CAGE)
    results = parse(printed(PRINT_PLAN, render(probes)))
    assert [probe_of(result) for result in results] == list(probes)


def probe_of(result: Result) -> Probe:
    port, _, protocol = result.port.rpartition("/")
    return Probe(
        name=result.name,
        address=result.destination,
        protocol=protocol,
        port=port,
        must_reach=result.expected == "reach",
        part_of=result.evidence.partition(", of ")[2],
    )


@pytest.mark.parametrize("verdict", ProbeVerdict)
def test_every_verdict_is_read_back(verdict: ProbeVerdict) -> None:
    table = printed(f"row gitea 10.0.1.50 3000/tcp reach '{verdict.value}' 'newt: connected'")
    assert parse(table) == (result(verdict),)


def test_newt_proof_prints_no_verdict_that_is_unknown_here() -> None:
    assigned = re.findall(r'_verdict="?([A-Za-z]+(?: [a-z]+)?)"?', NEWT_PROOF)
    in_rows = re.findall(r'"\$_expected" "([a-z ]+)"', NEWT_PROOF)
    printed_words = {*assigned, *in_rows}
    assert {"reached", "OPEN", "not probed"} <= printed_words, "the search finds them no more"
    assert printed_words <= {verdict.value for verdict in ProbeVerdict}, (
        "reading it back would fail"
    )


def test_evidence_may_say_anything() -> None:
    table = printed("row dns 10.0.1.53 53/udp reach counted \"rule 'dns' counted +1, host: none\"")
    assert parse(table)[0].evidence == "rule 'dns' counted +1, host: none"


def test_long_cells_push_the_others_aside_and_are_read_all_the_same() -> None:
    name, ports = "a" * 63, "80,443,8000-8010,9000-9100/tcp"
    host = ".".join(["long-label"] * 6)
    table = printed(f"row {name} {host} {ports} reach 'not probed' 'more than one address or port'")
    assert [(r.name, r.destination, r.port) for r in parse(table)] == [(name, host, ports)]


def test_a_cell_may_hold_any_run_of_spaces_and_an_empty_one_is_a_cell() -> None:
    table = printed(
        "row gitea 10.0.1.50 3000/tcp reach reached 'newt:  connected'; row a b c d OPEN ''"
    )
    assert [row.evidence for row in parse(table)] == ["newt:  connected", ""]


@pytest.mark.parametrize("row", ["gitea\t10.0.1.50\t3000/tcp\treach\treached", "gitea  10.0.1.50"])
def test_a_row_that_was_cut_is_an_error(row: str) -> None:
    with pytest.raises(ValueError, match="not a row"):
        parse(printed("") + row)


@pytest.mark.parametrize("indent", range(9))
def test_the_table_is_aligned_however_far_it_is_indented(indent: int) -> None:
    lines = printed("row gitea 10.0.1.50 3000/tcp reach reached -; row a b c block 'not probed' -")
    shown = [f"{' ' * indent}{line}".expandtabs(8) for line in lines.splitlines()]
    starts = {tuple(cell.start() for cell in re.finditer(r"\S+(?: \S+)*", line)) for line in shown}
    assert len(starts) == 1, shown


@pytest.mark.parametrize("shell", [["dash"], ["busybox", "sh"], ["bash", "--posix"]])
def test_every_shell_writes_the_same_row(shell: list[str]) -> None:
    assert ROW
    row = f"{ROW[0]}\n{shell_function(NEWT_PROOF, 'row')}\nrow a b c d e f"
    done = subprocess.run([*shell, "-euc", row], capture_output=True, text=True, check=True)
    assert [cell.rstrip(" ") for cell in done.stdout.split("\t")] == [*"abcde", "f\n"]


def test_a_table_of_before_is_read_which_was_aligned_with_spaces_alone() -> None:
    """The engine holds one until the proof has run again; newt-probe writes such a table."""
    table = (
        "measured 2026-11-02T10:00:00Z, generation 2026-11-02T09:00:00Z, rules abc\n"
        "RULE                      DESTINATION         PORT              EXPECTED  VERDICT     "
        "EVIDENCE\n"
        "gitea                     10.0.1.50           3000/tcp          reach     reached     "
        "newt: connected\n"
    )
    assert parse(table) == (result(ProbeVerdict.REACHED),)


def test_text_around_the_table_is_for_people() -> None:
    row = "row gitea 10.0.1.50 3000/tcp block OPEN 'newt: connected'"
    table = (
        f"resolved gitea.lan -> 10.0.1.50\n\n{printed(row)}warning: gitea: neither gets an answer\n"
    )
    assert parse(table) == (result(ProbeVerdict.OPEN, "block"),)
    assert parse("the proof is off: nothing was tried\n") == ()
    assert parse("") == ()


def test_the_line_above_the_table_tells_when_and_of_which_rules_it_was_measured() -> None:
    line = re.search(r'echo "(measured .*)"', NEWT_PROOF)
    assert line, "newt-proof prints it no more"
    heading = re.search(r"heading=(.*)", NEWT_PROOF)
    assert heading
    script = (
        f"field() {{ echo abc; }}; generation=2026-11-02T10:00:00Z checked=; "
        f'set -- "" {heading[1]}; echo "{line[1]}"'
    )
    head = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    found = measurement(head)
    assert found["generation"] == "2026-11-02T10:00:00Z"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["measured"])
    assert parse(head) == ()
    assert measurement("the proof is off: nothing was tried\n") == {}


def test_a_row_with_an_unknown_verdict_is_an_error() -> None:
    table = printed("row gitea 10.0.1.50 3000/tcp reach perhaps 'newt: connected'")
    with pytest.raises(ValueError, match="perhaps"):
        parse(table)


@pytest.mark.parametrize(
    ("verdict", "expected", "as_expected"),
    [
        (ProbeVerdict.REACHED, "reach", True),
        (ProbeVerdict.COUNTED, "reach", True),
        (ProbeVerdict.BLOCKED, "block", True),
        (ProbeVerdict.NOT_PROVED, "block", True),
        (ProbeVerdict.NOT_PROVED, "reach", True),
        (ProbeVerdict.NOT_PROBED, "reach", True),
        (ProbeVerdict.OPEN, "block", False),
        (ProbeVerdict.BLOCKED, "reach", False),
    ],
)
def test_a_leak_and_a_cut_off_target_are_not_as_expected(
    verdict: ProbeVerdict, expected: str, as_expected: bool
) -> None:
    assert result(verdict, expected).as_expected is as_expected


def test_the_summary_counts_what_is_wrong() -> None:
    results = (
        result(ProbeVerdict.REACHED),
        result(ProbeVerdict.BLOCKED, "block"),
        result(ProbeVerdict.OPEN, "block"),
        result(ProbeVerdict.BLOCKED),
    )
    assert summary(results) == "2 as expected, 2 wrong"
    assert summary(results[:2]) == "2 as expected, 0 wrong"
    assert summary(()) == "0 as expected, 0 wrong"


def test_a_row_is_plain_text_for_a_stack_output() -> None:
    assert result(ProbeVerdict.NOT_PROVED, "block", "newt: silent, host: silent").as_row() == {
        "name": "gitea",
        "destination": "10.0.1.50",
        "port": "3000/tcp",
        "expected": "block",
        "verdict": "not proved",
        "evidence": "newt: silent, host: silent",
    }
