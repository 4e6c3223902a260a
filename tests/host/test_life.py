"""The life of a guard from the first apply to the removal, what it reports on the way, and that it
is the same under either of the shells a NAS may have.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.host.rig import (
    ARRANGEMENTS,
    CREDENTIALS,
    GITEA,
    INSTANCE,
    OWNER,
    POSTGRES,
    STATE,
    Host,
    declare,
    rule,
)

pytestmark = pytest.mark.lab

NAMED = rule("homeassistant", "homeassistant.lan", 8123)
COUNTER_LINE = re.compile(r"\d+\t\d+\t(return|drop|reject)\t[a-zA-Z0-9 -]+\t[^\t]*")


@contextlib.contextmanager
def _shell(host: Host, shell: str) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if shell == "busybox":
            stack.enter_context(host.busybox_shell())
        yield


@pytest.mark.parametrize(
    ("shell", "arrangement"),
    [("dash", "iptables"), ("busybox", "iptables"), ("busybox", "nftables")],
)
def test_the_whole_life_of_a_guard(host: Host, shell: str, arrangement: str) -> None:
    before = host.snapshot()
    first = declare(NAMED, arrangement=arrangement, persistence="systemd")
    second = declare(NAMED, arrangement=arrangement, persistence="cron", without="gitea")
    with _shell(host, shell):
        assert host.check() == {"state": "absent"}
        host.apply(first)
        check = host.check()
        assert int(check.pop("refreshed")) < 60
        assert check.pop("newt") == "absent", "no container was made yet"
        assert check == {
            "state": "ok",
            "instance": INSTANCE.name,
            "owner": OWNER,
            "firewall": first.cage.firewall.value,
            "hash": first.digest,
            "generation": "generation-1",
            "confirmed": "",
        }
        host.egress("confirm")
        assert host.check()["confirmed"] == first.digest
        host.apply(second)
        assert host.check()["hash"] == second.digest
        host.lab.dns.set("homeassistant.lan", ["10.0.1.101"])
        assert "10.0.1.101" in host.egress("refresh").stdout
        status = host.egress("status").stdout
        assert status.endswith("in force\n")
        assert "resolved homeassistant.lan -> 10.0.1.101" in status
        assert host.egress("boot").returncode == 0
        assert host.egress("gate").returncode == 0
        assert host.egress("remove").stdout == "removed\n"

    assert host.snapshot() == before


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_counters_and_status_name_every_rule(host: Host, arrangement: str) -> None:
    host.apply(declare(NAMED, arrangement=arrangement))
    host.create_network()
    host.start_newt()
    host.dial((GITEA, 3000), (POSTGRES, 5432))

    lines = host.egress("counters").stdout.splitlines()
    status = host.egress("status").stdout

    assert all(COUNTER_LINE.fullmatch(line) for line in lines), lines
    packets: Counter[tuple[str, str]] = Counter()
    for count, _, verdict, name, _ in (line.split("\t") for line in lines):
        packets[name, verdict] += int(count)
    assert packets["gitea", "return"] > 0
    refusal = "reject" if arrangement == "nftables" else "drop"
    assert packets["not listed", refusal] > 0
    names = {name for name, _ in packets}
    assert names >= {"dns", "pangolin", "homeassistant", "foreign source", "no IPv6", "replies"}
    assert f"stack {OWNER}, " in status
    assert all(name in status for name in names)
    if arrangement != "nftables":
        assert "PREROUTING -i br-newt -j NEWT-EGRESS-nas: ok" in status


def test_status_says_what_is_wrong_and_fails(host: Host) -> None:
    host.apply(declare(persistence="cron"))
    host.sh(
        "iptables -t mangle -I PREROUTING 1 -j ACCEPT; "
        "echo '# edited' >>/etc/cron.d/newt-egress-nas"
    )
    try:
        status = host.egress("status", check=False)
        faults = host.check()["faults"]
    finally:
        host.sh("iptables -t mangle -D PREROUTING -j ACCEPT")

    assert status.returncode != 0
    for fault in (
        "iptables mangle PREROUTING -i br-newt -j NEWT-EGRESS-nas: at rule 2 instead of 1",
        "/etc/cron.d/newt-egress-nas is missing or was edited",
    ):
        assert fault in status.stdout
        assert fault in faults


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_dry_run_shows_the_rules_and_changes_nothing(host: Host, arrangement: str) -> None:
    before = host.snapshot()

    first = host.apply(declare(NAMED, arrangement=arrangement), "--dry-run").stdout

    assert host.snapshot() == before
    assert "10.0.1.100" in first
    assert "newt: homeassistant" in first
    assert "dry run: nothing was changed" in first


def test_a_dry_run_on_a_guarded_host_changes_nothing(host: Host) -> None:
    host.apply(declare())
    was = host.snapshot()

    host.apply(declare(NAMED), "--dry-run")

    assert host.snapshot() == was


def test_credentials_are_stored_for_newt_alone_and_told_to_nobody(host: Host) -> None:
    host.apply(declare())
    secret = '{"id":"2ix2t8xk22ubpfy","secret":"do-not-tell"}'
    store = "newt-egress credentials file"

    first = host.sh(store, stdin=secret)
    again = host.sh(store, stdin=secret)
    other = host.sh(store, stdin=secret.replace("tell", "tattle"))

    assert re.fullmatch(r"revision [0-9a-f]{16}\n", first)
    assert again == first
    assert other != first
    said = host.egress("status").stdout + host.egress("check").stdout + host.sh("journalctl --boot")
    assert "do-not-" not in said
    assert host.sh(f"stat -c '%a %u %g' {CREDENTIALS}/config.json") == "440 0 65534\n"
    assert host.sh(f"stat -c %a {STATE}") == "700\n"
    assert "do-not-tattle" in host.sh(
        f"setpriv --reuid 65534 --regid 65534 --clear-groups cat /proc/self/fd/3 "
        f"3<{CREDENTIALS}/config.json"
    )
    # A changed allow-list leaves them where newt reads them.
    host.apply(declare(NAMED))
    assert "do-not-tattle" in host.sh(f"cat {CREDENTIALS}/config.json")


def test_an_unknown_command_says_which_there_are(host: Host) -> None:
    host.apply(declare())

    done = host.egress("frobnicate", check=False)

    assert done.returncode == 2
    assert "usage: newt-egress [--instance NAME] COMMAND" in done.stdout
