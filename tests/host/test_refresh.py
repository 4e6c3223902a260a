"""That refreshes run at all: who runs them is asked for beforehand, and one that is late is a
fault.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.host.rig import Host, declare

pytestmark = pytest.mark.lab

STAMP = "/run/newt-egress@nas.refreshed"
PERSISTENT = ("systemd", "cron")
BUSYBOX_CROND = "cp $(command -v busybox) /tmp/busybox && ln -sf busybox /tmp/crond"


def age(host: Host, seconds: int) -> None:
    """The last refresh was that long ago."""
    host.sh(f"printf '%-12s\\n' $(($(cut -d . -f 1 /proc/uptime) - {seconds})) >{STAMP}")


@contextlib.contextmanager
def without_cron(host: Host) -> Iterator[None]:
    host.sh("systemctl stop cron.service")
    try:
        yield
    finally:
        host.sh("systemctl start cron.service")


@pytest.mark.parametrize("persistence", PERSISTENT)
def test_a_refresh_that_is_two_periods_late_is_a_fault(host: Host, persistence: str) -> None:
    host.apply(declare(persistence=persistence))
    host.sh("systemctl stop newt-egress-refresh@nas.timer", check=False)
    assert host.check()["state"] == "ok"
    assert int(host.check()["refreshed"]) < 60
    assert "last refresh: 0 min ago" in host.egress("status").stdout

    age(host, 590)
    assert host.check()["state"] == "ok"
    age(host, 660)
    check, status = host.check(), host.egress("status", check=False)

    assert check["state"] == "drifted"
    assert status.returncode != 0
    assert "last refresh: 11 min ago" in status.stdout
    for place in (check["faults"], status.stdout):
        assert "no refresh has run for 11 min, and one is due every 5: check" in place
    host.egress("refresh")
    assert host.check()["state"] == "ok"


def test_without_persistence_nothing_is_late(host: Host) -> None:
    host.apply(declare(persistence="none"))
    age(host, 90000)

    assert host.check()["state"] == "ok"
    assert "last refresh: 1500 min ago" in host.egress("status").stdout


def test_a_stamp_of_another_boot_or_a_clock_that_jumps_is_no_excuse(host: Host) -> None:
    host.apply(declare(persistence="cron"))
    for stamp in ("999999999999", "nonsense", ""):
        host.sh(f"echo {stamp} >{STAMP}")
        seconds = int(host.check()["refreshed"])
        assert seconds == pytest.approx(float(host.sh("cut -d . -f 1 /proc/uptime")), abs=5), stamp
    host.egress("boot")
    assert host.check()["state"] == "ok", "a boot is a look at the rules, too"


@pytest.mark.parametrize("daemon", ["none", "busybox"])
def test_cron_without_a_daemon_that_reads_its_folder_is_refused(host: Host, daemon: str) -> None:
    host.apply(declare(persistence="none"))
    with without_cron(host):
        if daemon == "busybox":
            host.sh(f"{BUSYBOX_CROND}; mkdir -p /tmp/tabs; /tmp/crond -b -c /tmp/tabs")
        try:
            said = host.refuses(declare(persistence="cron"))
        finally:
            host.sh("pgrep -x crond | xargs -r kill", check=False)
    assert "no cron daemon that reads /etc/cron.d runs here" in said
    assert "set docker.persistence to systemd or none" in said


def test_a_cron_daemon_that_is_gone_is_a_fault_at_once(host: Host) -> None:
    host.apply(declare(persistence="cron"))
    with without_cron(host):
        check = host.check()
        assert check["state"] == "drifted"
        assert "no cron daemon that reads /etc/cron.d runs" in check["faults"]
    assert host.check()["state"] == "ok"
