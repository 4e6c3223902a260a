"""A change that is killed half-way, wherever: the cage stands, `check` finds it, `apply` mends it,
and `remove` cleans it up.
"""

from __future__ import annotations

import pytest

from tests.host.moments import moments
from tests.host.rig import STATE, Host, declare, rule

pytestmark = pytest.mark.lab

MOMENTS = moments()
OLD, NEW = declare(), declare(rule("more", "192.0.2.9", 9))


def _interrupt(host: Host, moment: str) -> None:
    tool, script = MOMENTS[moment]
    with host.stub(tool, script):
        assert host.apply(NEW, check=False).returncode != 0, "it was not killed"


def _jumps(host: Host) -> int:
    return host.sh("iptables -t mangle -S PREROUTING; ip6tables -t mangle -S PREROUTING").count(
        "-i br-newt -j NEWT-EGRESS-nas"
    )


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_change_killed_half_way_is_found_and_mended(host: Host, moment: str) -> None:
    host.apply(OLD)
    whole = host.rules()

    _interrupt(host, moment)

    assert host.check()["state"] != "ok", "nobody would notice"
    assert _jumps(host) == 2, "the cage does not stand"
    host.apply(OLD)
    assert host.check()["state"] == "ok"
    assert host.rules() == whole
    assert host.sh(f"ls {STATE}").split() == ["current"]


@pytest.mark.parametrize("moment", ["between the two renames", "after the IPv4 rules"])
def test_a_reboot_after_a_change_killed_half_way_loads_rules_all_the_same(
    host: Host, moment: str
) -> None:
    host.apply(OLD)
    whole = host.rules()
    _interrupt(host, moment)
    host.sh(
        """
        for kind in iptables ip6tables; do
            $kind -t mangle -F && $kind -t mangle -X
        done
        """
    )

    host.egress("boot")

    assert host.rules() == whole, "the rules before the change are the last good ones"


@pytest.mark.parametrize("moment", ["after the IPv6 rules", "after the renames"])
def test_a_first_apply_killed_half_way_is_removed_without_a_trace(host: Host, moment: str) -> None:
    before = host.snapshot()

    _interrupt(host, moment)
    host.nas.run(["sh", "-s", "--", "remove"], stdin=NEW.script)

    assert host.snapshot() == before
