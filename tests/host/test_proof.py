"""The proof: its verdicts are what happened, it stops a newt whose cage is open, keeps it stopped,
and starts it again when the cage holds.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from newt_tunnel.egress.model import PortRange
from newt_tunnel.egress.proof_plan import Probe, plan
from newt_tunnel.egress.proof_table import ProbeVerdict, Result, measurement, parse
from tests.host.rig import (
    ARRANGEMENTS,
    CONTAINER,
    GITEA,
    OUTSIDER,
    PANGOLIN,
    POSTGRES,
    PRINTER,
    ROUTER,
    STATE,
    Host,
    declare,
    rule,
)

pytestmark = pytest.mark.lab

PAST = "2026-08-01T12:00:00Z"
NOBODY = "10.0.1.222"  # no such machine


def forbid(name: str, address: str, port: int, protocol: str = "tcp") -> Probe:
    return Probe(name=name, address=address, protocol=protocol, port=str(port), must_reach=False)


def allow(name: str, address: str, port: int, protocol: str = "tcp") -> Probe:
    return Probe(name=name, address=address, protocol=protocol, port=str(port), must_reach=True)


#: What is declared allows these and the plan forbids them: a cage that is open.
HOLES = (
    rule("hole", PRINTER, 631),
    rule("hole", POSTGRES, 5432, protocol="udp"),
    rule("hole", PANGOLIN, 51999, protocol="udp"),
)
OPEN_TCP = forbid("opened", PRINTER, 631)
OPEN_UDP = forbid("opened-udp", POSTGRES, 5432, "udp")
OPEN_SILENT_UDP = forbid("opened-silent-udp", PANGOLIN, 51999, "udp")
HOLDS = (allow("gitea", GITEA, 3000), forbid("postgres", POSTGRES, 5432))


def verdicts(output: str) -> dict[tuple[str, str], str]:
    return {(row.name, row.port): row.verdict.value for row in _rows(output)}


def _rows(output: str) -> tuple[Result, ...]:
    rows = parse(output)
    assert rows, output
    return rows


@pytest.fixture
def newt(host: Host) -> Host:
    """newt in its cage."""
    host.apply(declare(*HOLES))
    host.create_network()
    host.start_newt()
    return host


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_every_verdict_is_what_happened(host: Host, arrangement: str) -> None:
    named = rule("homeassistant", "homeassistant.lan", 8123)
    lost, block = rule("lost", NOBODY, 80), rule("block", "10.0.2.0/24", 80)
    declaration = declare(named, lost, block, arrangement=arrangement)
    holed = declare(named, lost, block, *HOLES, arrangement=arrangement)
    host.lab.dns.set("homeassistant.lan", ["10.0.1.100", "10.0.1.200"])
    host.apply(holed)
    host.create_network()
    host.start_newt()
    probes = plan(declaration.policy, declaration.cage)
    more = (
        OPEN_TCP,
        OPEN_UDP,
        OPEN_SILENT_UDP,
        forbid("outsider-udp", OUTSIDER, 8000, "udp"),
        allow("router-ssh", ROUTER, 22),
        allow("not-really-allowed", OUTSIDER, 443, "udp"),
    )

    said = host.prove("warn", *probes, *more).stdout

    assert verdicts(said) == {
        ("gitea", "3000/tcp"): "reached",
        ("dns", "53/tcp"): "reached",
        ("pangolin", "443/tcp"): "reached",
        ("homeassistant", "8123/tcp"): "reached",
        ("gitea", "3000/udp"): "reached",
        ("dns", "53/udp"): "counted",
        ("pangolin", "51820/udp"): "counted",
        ("lost", "80/tcp"): "not proved",
        ("block", "80/tcp"): "not probed",
        ("postgres", "5432/tcp"): "blocked",
        ("router", "80/tcp"): "blocked",
        ("docker-host-ssh", "22/tcp"): "blocked",
        ("gateway-ssh", "22/tcp"): "blocked",
        ("cloud-metadata", "80/tcp"): "not proved",
        ("foreign-resolver", "53/tcp"): "not proved",
        ("foreign-resolver", "53/udp"): "blocked",
        ("outsider-udp", "8000/udp"): "blocked",
        ("opened", "631/tcp"): "OPEN",
        ("opened-udp", "5432/udp"): "OPEN",
        ("opened-silent-udp", "51999/udp"): "OPEN",
        ("router-ssh", "22/tcp"): "blocked",
        ("not-really-allowed", "443/udp"): "blocked",
    }
    named_rows = [row for row in _rows(said) if row.name == "homeassistant"]
    assert {row.destination for row in named_rows} == {"10.0.1.100", "10.0.1.200"}
    assert "warning: lost: neither newt nor this host gets an answer" in said
    assert "warning: router-ssh: newt may reach it, but only this host does" in said
    assert "warning: the cage is open, and newt keeps running: proof is warn" in said
    assert host.newt_runs()


def test_enforce_stops_newt_and_keeps_it_stopped_until_a_good_proof(newt: Host) -> None:
    newt.apply(declare(*HOLES, persistence="cron"))  # with cron a refresh starts newt

    bad = newt.prove("enforce", *HOLDS, OPEN_TCP, check=False)

    assert bad.returncode != 0
    assert "the cage is open: newt was stopped" in bad.stderr
    assert verdicts(bad.stdout)["opened", "631/tcp"] == "OPEN"
    for command in ("refresh", "start", "boot"):
        newt.egress(command)
    newt.apply(declare(*HOLES, persistence="cron"))
    assert not newt.newt_runs()
    assert "newt is held" in newt.egress("status").stdout

    still = newt.prove("enforce", *HOLDS, OPEN_TCP, check=False)
    assert still.returncode != 0
    assert "newt stays stopped" in still.stderr
    assert not newt.newt_runs()

    started, log = time.monotonic(), newt.lab.log("postgres").mark()
    good = newt.prove("enforce", *HOLDS).stdout
    assert newt.newt_runs()
    assert verdicts(good) == {("gitea", "3000/tcp"): "reached", ("postgres", "5432/tcp"): "blocked"}
    assert newt.lab.log("postgres").arrivals(log), "the host itself knocks, for comparison"
    assert time.monotonic() - started < 30, "a stand-in must not be waited for"
    assert "newt-p" not in newt.sh("ip link"), "the stand-in is gone"


def test_off_tries_nothing_and_starts_newt(newt: Host) -> None:
    newt.sh(f"docker stop {CONTAINER}")
    mark = newt.lab.log("postgres").mark()

    said = newt.prove("off", *HOLDS, OPEN_TCP).stdout

    assert "nothing was tried" in said
    assert newt.newt_runs()
    assert newt.lab.log("postgres").since(mark) == []


def test_off_says_that_a_newt_which_was_stopped_stays_so_and_how_to_let_it_go(newt: Host) -> None:
    assert newt.prove("enforce", *HOLDS, OPEN_TCP, check=False).returncode != 0

    held = newt.prove("off", check=False)

    assert held.returncode != 0, "an update that leaves newt stopped has not succeeded"
    assert "newt is held: a proof found its cage open" in held.stderr
    assert "release newt without a proof: newt-egress release" in held.stderr
    assert not newt.newt_runs()
    newt.egress("release")
    assert newt.newt_runs()
    assert "nothing was tried" in newt.prove("off").stdout


def test_off_fails_when_newt_cannot_be_started(newt: Host) -> None:
    newt.sh(f"docker stop {CONTAINER}")
    newt.sh("iptables -t mangle -F NEWT-EGRESS-nas")

    done = newt.prove("off", check=False)

    assert done.returncode != 0
    assert "the rules are not in force: newt is not started" in done.stderr
    assert not newt.newt_runs()


def test_probes_run_in_parallel_and_within_the_time_limit(newt: Host) -> None:
    silent = [forbid(f"silent-{n}", f"10.0.1.{n}", 80) for n in range(210, 240)]
    late = [forbid(f"late-{n}", f"10.0.1.{n}", 80) for n in range(210, 220)]
    udp = [allow("gitea", GITEA, 3000, "udp") for _ in range(3)]
    started = time.monotonic()

    said = newt.prove("enforce", *silent, *late, *udp, AT_ONCE=30, TOTAL_SECONDS=2).stdout

    assert time.monotonic() - started < 20
    found = {row.name: row.verdict for row in _rows(said)}
    assert all(found[f"silent-{n}"] is ProbeVerdict.NOT_PROVED for n in range(210, 240))
    assert all(found[f"late-{n}"] is ProbeVerdict.NOT_PROBED for n in range(210, 220))
    assert found["gitea"] is ProbeVerdict.NOT_PROBED
    assert "no time left after 2 s" in said


@contextlib.contextmanager
def _knocking_with(host: Host, knocker: str) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if knocker == "busybox":
            stack.enter_context(host.busybox_shell())
        if knocker != "bash":
            stack.enter_context(host.without("bash"))
        if knocker == "nc":
            stack.enter_context(host.without("python3"))
            stack.enter_context(host.stub("nc", 'exec busybox nc "$@"'))
        yield


@pytest.mark.parametrize("knocker", ["busybox", "python3", "nc"])
def test_whatever_the_host_has_to_knock_with_the_verdicts_are_the_same(
    newt: Host, knocker: str
) -> None:
    probes = (
        *HOLDS,
        forbid("docker-host-ssh", "10.0.1.10", 22),
        allow("closed", GITEA, 3001),
        OPEN_TCP,
        allow("gitea", GITEA, 3000, "udp"),
    )
    newt.apply(declare(rule("closed", GITEA, 3001), *HOLES))

    with _knocking_with(newt, knocker):
        said = newt.prove("warn", *probes).stdout

    assert verdicts(said) == {
        ("gitea", "3000/tcp"): "reached",
        ("postgres", "5432/tcp"): "blocked",
        ("docker-host-ssh", "22/tcp"): "blocked",
        ("closed", "3001/tcp"): "reached",
        ("opened", "631/tcp"): "OPEN",
        # busybox's nc knows no UDP.
        ("gitea", "3000/udp"): "not probed" if knocker == "nc" else "reached",
    }


def test_a_newt_on_a_second_network_is_stopped(newt: Host) -> None:
    newt.sh(f"docker network create second && docker network connect second {CONTAINER}")
    try:
        done = newt.prove("enforce", *HOLDS, check=False)
        assert not newt.newt_runs()
    finally:
        newt.sh(f"docker network disconnect second {CONTAINER}; docker network rm second")

    assert done.returncode != 0
    assert "newt is on more than one network, and only one is guarded" in done.stderr


def test_rules_that_do_not_stand_are_not_proved(newt: Host) -> None:
    newt.sh("iptables -t mangle -I NEWT-EGRESS-nas -j RETURN")

    done = newt.prove("enforce", *HOLDS, check=False)

    assert done.returncode != 0
    assert "the rules are not in force: the rules are not those that were loaded" in done.stderr


def test_a_host_without_the_guard_is_not_proved(host: Host) -> None:
    done = host.prove("enforce", *HOLDS, check=False)

    assert done.returncode != 0
    assert "newt-egress is not on this host: deploy the firewall first" in done.stderr


def test_a_forbidden_range_is_tried_at_its_ends_and_at_known_services_in_it(newt: Host) -> None:
    """The hole is at a port that no end of the range shows, at an address that no end shows."""
    forbidden = (
        rule("lost", NOBODY, PortRange(1000, 20000)),
        rule("lan", "10.0.1.0/24", PortRange(5000, 6000)),
    )
    hole = rule("hole", POSTGRES, 5432)
    newt.apply(declare(hole, *HOLES, forbidden=()))
    wanted = declare(rule("gitea", POSTGRES, 3000), forbidden=forbidden)

    said = newt.prove("enforce", *plan(wanted.policy, wanted.cage), check=False)

    assert said.returncode != 0, "what was tried of the range was shut, and the hole is not"
    found = {(row.destination, row.port): row for row in _rows(said.stdout) if row.name == "lan"}
    assert {port for _, port in found} == {"5000/tcp", "5432/tcp", "5900/tcp", "6000/tcp"}
    assert {"10.0.1.1", POSTGRES, "10.0.1.254"} <= {address for address, _ in found}
    assert found[POSTGRES, "5432/tcp"].verdict is ProbeVerdict.OPEN
    assert found[POSTGRES, "5432/tcp"].evidence.endswith(", of 10.0.1.0/24:5000-6000")
    shut = [row for place, row in found.items() if place != (POSTGRES, "5432/tcp")]
    assert ProbeVerdict.OPEN not in {row.verdict for row in shut}
    ports = {row.port for row in _rows(said.stdout) if row.name == "lost"}
    assert {"1000/tcp", "5432/tcp", "20000/tcp"} <= ports
    assert said.stdout.count("warning: lost, of 1000-20000: neither newt nor this host") == 1


def test_the_last_table_is_in_status_good_or_not_with_its_time_and_generation(newt: Host) -> None:
    generation = newt.check()["generation"]

    good = newt.prove("enforce", *HOLDS).stdout
    kept = newt.egress("status").stdout
    assert measurement(good)["generation"] == generation
    assert f"last proof, of these rules: measured {measurement(good)['measured']}, " in kept
    assert good.partition("\n")[2] in kept, "the table"

    bad = newt.prove("enforce", *HOLDS, OPEN_TCP, check=False).stdout
    kept = newt.egress("status", check=False).stdout
    assert verdicts(bad)["opened", "631/tcp"] == "OPEN"
    assert next(line for line in bad.splitlines() if "OPEN" in line) in kept

    still = newt.prove("enforce", *HOLDS, OPEN_TCP, check=False).stdout
    assert measurement(still)["measured"] in newt.egress("status").stdout, "of a stand-in, too"

    newt.apply(declare(*HOLES, rule("more", PRINTER, 9100)))
    assert "last proof, of other rules than these: " in newt.egress("status").stdout

    row = "gitea                     10.0.1.50           3000/tcp          reach     reached"
    newt.sh(f"cat >{STATE}/proof", stdin=f"measured {PAST}, generation {PAST}, rules abc\n{row}\n")
    kept = newt.egress("status").stdout
    assert f"other rules than these: measured {PAST}, " in kept, "as newt-proof wrote it before"
    assert f"\n{row}\n" in kept


def test_a_full_disk_fails_no_proof(newt: Host) -> None:
    newt.prove("warn", *HOLDS)
    with newt.small_disk() as leave_room:
        newt.sh(f"rm {STATE}/proof")  # else it is the room that the next one needs
        leave_room(0)
        said = newt.prove("warn", *HOLDS, OPEN_TCP).stdout
        kept = newt.egress("status").stdout

    assert verdicts(said)["opened", "631/tcp"] == "OPEN"
    assert f"warning: this table cannot be saved in {STATE}" in said
    assert "last proof: none, or its table could not be saved" in kept


def test_a_newt_that_restarts_over_and_over_is_said_so_and_nothing_else(host: Host) -> None:
    """It lives for longer than the proof waits, and less long than its probes take."""
    host.apply(declare())
    host.create_network()
    host.start_newt("--restart", "unless-stopped", command=["sleep", "3"])
    probes = (
        *HOLDS,
        allow("router-ssh", ROUTER, 22),
        allow("gitea", GITEA, 3000, "udp"),
        *(forbid(f"silent-{n}", f"10.0.1.{n}", 80) for n in range(210, 216)),
    )

    done = host.prove("enforce", *probes, check=False, AT_ONCE=2)

    assert done.returncode != 0
    assert f"newt does not stay up in container {CONTAINER} (exit status " in done.stderr
    assert "restarted" in done.stderr
    assert "install bash" not in done.stdout + done.stderr
    for row in parse(done.stdout):
        assert row.verdict in (
            ProbeVerdict.NOT_PROBED,
            ProbeVerdict.REACHED,
            ProbeVerdict.COUNTED,
        ), row
        assert row.verdict is not ProbeVerdict.NOT_PROBED or row.evidence == "newt does not stay up"


def test_a_network_that_cannot_be_entered_is_no_evidence(newt: Host) -> None:
    with newt.stub("nsenter", "echo 'nsenter: reassociate to namespaces failed' >&2; exit 1"):
        done = newt.prove("enforce", *HOLDS, check=False)

    assert done.returncode != 0, "silence of a probe that never ran is no block"
    assert "newt's network cannot be entered: nothing was tried" in done.stderr


@pytest.mark.parametrize("command", [["false"], ["sleep", "1"]])
def test_a_newt_that_does_not_stay_up_fails_the_proof(host: Host, command: list[str]) -> None:
    host.apply(declare())
    host.create_network()
    host.start_newt(command=command)

    done = host.prove("enforce", *HOLDS, check=False)

    assert done.returncode != 0
    assert f"newt does not stay up in container {CONTAINER}" in done.stderr


def test_newt_is_stopped_even_when_that_cannot_be_noted(newt: Host) -> None:
    newt.sh(f"mount --bind {STATE} {STATE} && mount -o remount,bind,ro {STATE}")
    try:
        newt.egress("hold")
    finally:
        newt.sh(f"umount {STATE}")

    assert not newt.newt_runs()


def test_every_planned_row_is_in_the_table(host: Host) -> None:
    """A canary that an allowed name leads to, and a name that the rules in force do not know."""
    host.lab.dns.set("resolver.lan", ["9.9.9.9"])
    declaration = declare(rule("resolver", "resolver.lan", PortRange(50, 60)))
    host.apply(declaration)
    host.create_network()
    host.start_newt()
    probes = plan(declaration.policy, declaration.cage)
    unknown = forbid("unknown", "@{unknown.lan}", 22)

    rows = _rows(host.prove("warn", *probes, unknown).stdout)

    planned = Counter((probe.name, probe.port + "/" + probe.protocol) for probe in probes)
    assert Counter((row.name, row.port) for row in rows if row.name != "unknown") == planned
    told = {(row.name, row.port): row for row in rows}
    canary = told["foreign-resolver", "53/tcp"]
    assert canary.verdict is ProbeVerdict.NOT_PROBED
    assert canary.evidence == "rule 'resolver' allows it by name"
    assert told["unknown", "22/tcp"].verdict is ProbeVerdict.NOT_PROBED
    assert told["unknown", "22/tcp"].evidence == "this host has no address for it"
