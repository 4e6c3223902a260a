"""One at a time: whoever comes second waits, and finds out what the first one left."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.host.rig import PROGRAM, STATE, Host, declare, eventually, rule

pytestmark = pytest.mark.lab

LOCK = "/run/newt-egress@nas.lock"


@contextlib.contextmanager
def _lock_held(host: Host) -> Iterator[None]:
    """Somebody has the lock meanwhile, for 60 s at most."""
    with host.nas.popen(
        ["flock", LOCK, "timeout", "60", "head", "-c", "1"], stdin=subprocess.PIPE
    ) as holder:
        assert holder.stdin
        taken = f"flock -n {LOCK} true || echo taken"
        eventually(lambda: "taken" in host.sh(taken), "the lock is taken")
        yield
        holder.stdin.close()


def test_two_applies_at_once_both_end_well_one_after_the_other(host: Host) -> None:
    declarations = [declare(rule(name, "192.0.2.9", 9)) for name in ("one", "two")]
    host.apply(declare())
    command = 'sh -c "$1" sh apply one & one=$!; sh -c "$2" sh apply two & wait $! && wait $one'
    scripts = [declaration.script for declaration in declarations]

    said = host.nas.run(["sh", "-c", f"exec 2>&1; {command}", "both", *scripts]).stdout

    assert said.count("in force: ") == 2, said
    status = host.egress("status").stdout
    assert len(re.findall(r"\b(one|two)\b +-d 192\.0\.2\.9", status)) == 1
    assert host.check()["state"] == "ok"
    assert host.sh(f"ls {STATE}").split() == ["current"]


def test_a_refresh_that_waited_while_the_guard_was_removed_does_nothing(host: Host) -> None:
    before = host.snapshot()
    host.apply(declare(rule("homeassistant", "homeassistant.lan", 8123)))
    with _lock_held(host):
        removal = host.nas.popen(["newt-egress", "remove"])
        eventually(lambda: _waits(host, "remove"), "remove waits for the lock")
        refresh = host.nas.popen(["newt-egress", "refresh"])
        eventually(lambda: _waits(host, "refresh"), "refresh waits for the lock")

    for process in (removal, refresh):
        said, _ = process.communicate(timeout=20)
        assert process.returncode == 0, said
    assert host.snapshot() == before


def test_a_refresh_after_the_removal_does_nothing(host: Host) -> None:
    before = host.snapshot()
    host.apply(declare())
    host.sh(f"cp {PROGRAM} /tmp/newt-egress")
    host.egress("remove")

    for command in ("refresh", "boot", "gate"):
        assert host.sh(f"sh /tmp/newt-egress {command}") == ""

    assert host.snapshot() == before


def test_who_waits_too_long_says_for_what(host: Host) -> None:
    host.apply(declare())
    impatient = f"sed 's/^LOCK_SECONDS=.*/LOCK_SECONDS=1/' {PROGRAM} >/tmp/newt-egress"
    with _lock_held(host):
        said = host.sh(f"{impatient}; sh /tmp/newt-egress refresh", check=False)

    assert "another newt-egress has been at work for 1 s" in said


def _waits(host: Host, command: str) -> bool:
    """Whether `newt-egress COMMAND` runs and is between two looks at the lock."""
    running = f"pgrep -f 'newt-egress [{command[0]}]{command[1:]}'"
    asleep = f"for each in $({running}); do pgrep -P $each -x sleep; done"
    return bool(host.sh(asleep, check=False).strip())
