"""A repair needs the kernel and nothing else: no room on the disk, no Docker that answers, and no
lock that waits for it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.host.rig import COMPLETE, GITEA, STATE, Host, declare, eventually, rule

pytestmark = pytest.mark.lab

NAME = "homeassistant.lan"
NAMED = rule("homeassistant", NAME, 8123)
FLUSH = """
for kind in iptables ip6tables; do $kind -t mangle -F; $kind -t mangle -X; done
nft delete table inet newt_guard_nas 2>/dev/null || :
"""
LOG = "journalctl --identifier newt-egress --lines 20 --output cat"
LOCK = "/run/newt-egress@nas.lock"
#: Of a Docker that hangs, in the program's own constants: the tests are less patient.
IMPATIENT = "sed 's/^DOCKER_SECONDS=.*/DOCKER_SECONDS=3/' /usr/local/sbin/newt-egress >/tmp/hasty"


@contextlib.contextmanager
def full_disk(host: Host, shell: str = "dash") -> Iterator[None]:
    """Not a byte is left where the guard's files are."""
    with contextlib.ExitStack() as stack:
        if shell == "busybox":
            stack.enter_context(host.busybox_shell())
        stack.enter_context(host.small_disk())(0)
        assert host.sh(f"echo more >{STATE}/more && echo room; rm -f {STATE}/more") != "room\n"
        yield


@contextlib.contextmanager
def hung_docker(host: Host) -> Iterator[None]:
    """dockerd takes connections and answers none."""
    pid = host.sh("systemctl show docker.service --property MainPID --value").strip()
    assert int(pid) > 1
    host.sh(f"kill -STOP {pid}")
    try:
        yield
    finally:
        host.sh(f"kill -CONT {pid}")


# --- a full disk ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shell", "arrangement"), [("dash", "iptables"), ("busybox", "iptables"), ("dash", "nftables")]
)
def test_on_a_full_disk_flushed_rules_are_repaired_and_the_names_are_reported(
    host: Host, shell: str, arrangement: str
) -> None:
    host.apply(declare(NAMED, arrangement=arrangement))
    whole = host.rules()
    with full_disk(host, shell):
        host.sh(FLUSH)
        done = host.egress("refresh", check=False)

        assert host.rules() == whole
        assert host.check()["state"] == "ok"
        assert done.returncode != 0, "names were not refreshed"
        for place in (done.stdout, host.sh(LOG)):
            assert "repaired: the rules are not those that were loaded" in place
            assert "host names are not refreshed" in place
            assert "disk full" in place
        status = host.egress("status")
        assert "warning: host names are not refreshed: cannot write to" in status.stdout
        assert status.stdout.endswith("in force\n")
        assert "disk full" in host.check()["unresolved"]
    host.egress("refresh")
    assert "not refreshed" not in host.egress("status").stdout
    assert "unresolved" not in host.check()


@pytest.mark.parametrize("arrangement", COMPLETE)
@pytest.mark.parametrize("command", ["boot", "gate", "refresh"])
def test_every_command_that_repairs_does_so_on_a_full_disk(
    host: Host, command: str, arrangement: str
) -> None:
    host.apply(declare(arrangement=arrangement))
    whole = host.rules()
    with full_disk(host):
        host.sh(FLUSH)
        host.egress(command)
        assert host.rules() == whole
        assert host.check()["state"] == "ok"


@pytest.mark.parametrize("tool", ["iptables", "nft"])
def test_on_a_full_disk_rules_load_when_an_update_of_the_tools_words_them_differently(
    host: Host, tool: str
) -> None:
    host.apply(declare(arrangement="nftables" if tool == "nft" else "iptables"))
    whole = host.rules()
    with full_disk(host), host.stub(tool, '"$real" "$@" | sed "s/10.0.1.50/10.0.1.050/"'):
        host.sh(FLUSH)
        host.egress("boot")
        assert host.check()["state"] == "ok"
    assert host.rules() == whole


def test_on_a_full_disk_newt_is_started_and_held(host: Host) -> None:
    host.apply(declare())
    host.create_network()
    host.start_newt()
    host.sh("docker stop newt-tunnel")
    with full_disk(host):
        host.egress("start")
        assert host.newt_runs()
        host.egress("hold")
        assert not host.newt_runs()
        host.egress("start")
        assert not host.newt_runs(), "that it is held must be noted"
        host.egress("release")
        assert host.newt_runs()


def test_damaged_rules_cut_newt_off_on_a_full_disk(host: Host) -> None:
    host.apply(declare())
    host.create_network()
    host.start_newt()
    with full_disk(host):
        host.sh(f"{FLUSH} rm {STATE}/current/load4")
        host.egress("refresh", check=False)
        assert not any("gitea" in answer for answer in host.dial((GITEA, 3000)))
        assert "nothing crosses br-newt" in host.sh(LOG)
    host.egress("refresh")
    assert host.check()["state"] == "ok"
    assert any("gitea" in answer for answer in host.dial((GITEA, 3000)))


# --- a Docker that hangs --------------------------------------------------------------------------


def test_a_docker_that_hangs_holds_up_no_repair(host: Host) -> None:
    host.apply(declare(persistence="cron"))  # with cron a refresh asks Docker for newt
    host.create_network()
    host.start_newt()
    whole = host.rules()
    with hung_docker(host):
        # An update waits for Docker, and a refresh too.
        script = declare(persistence="cron").script
        update = host.nas.popen(["sh", "-c", 'exec 2>&1; sh -c "$1" sh apply two', "sh", script])
        eventually(lambda: "version" in host.sh("pgrep -a docker", check=False), "it waits")
        earlier = host.nas.popen(["newt-egress", "refresh"])
        eventually(lambda: "inspect" in host.sh("pgrep -a docker", check=False), "both wait")
        host.sh("iptables -t mangle -F NEWT-EGRESS-nas")

        repair = host.nas.popen(["newt-egress", "refresh"])

        eventually(lambda: host.rules() == whole, "the rules are repaired", within=5)
        for process, reason in (
            (update, "Docker does not answer: nothing within 20 s"),
            (earlier, "Docker does not answer, newt is not started"),
            (repair, "Docker does not answer"),
        ):
            said, complaint = process.communicate(timeout=60)
            assert reason in f"{said}{complaint}"
            assert process.returncode != 0
    assert host.check()["state"] == "ok"


@pytest.mark.parametrize("command", ["start", "refresh", "boot", "hold", "remove", "check"])
def test_no_command_waits_for_a_docker_that_hangs_longer_than_it_says(
    host: Host, command: str
) -> None:
    host.apply(declare(persistence="cron"))
    host.create_network()
    host.start_newt()
    hasty = f"{IMPATIENT}; sed -i 's/^\\(STOP\\|LOCK\\)_SECONDS=.*/\\1_SECONDS=5/' /tmp/hasty"
    host.sh(hasty)
    with hung_docker(host):
        began = time.monotonic()
        host.sh(f"sh /tmp/hasty {command}", check=False)
        assert time.monotonic() - began < 25
        assert "free" in host.sh(f"flock -n {LOCK} echo free", check=False), (
            "the lock is given back"
        )
        host.sh("iptables -t mangle -F NEWT-EGRESS-nas")
        host.sh("sh /tmp/hasty refresh", check=False)
        assert host.check()["state"] == "ok"


def test_a_gate_does_not_wait_for_who_has_the_lock(host: Host) -> None:
    host.apply(declare())
    with host.nas.popen(["flock", LOCK, "sleep", "20"]) as holder:
        eventually(
            lambda: "taken" in host.sh(f"flock -n {LOCK} true || echo taken"), "the lock is taken"
        )
        began = time.monotonic()
        host.egress("gate")
        assert time.monotonic() - began < 5
        holder.kill()
    host.sh("pgrep -f 'slee[p] 20' | xargs -r kill", check=False)
