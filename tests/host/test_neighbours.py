"""Idempotent, and a good neighbour: what others have in the firewall stays, and nothing of ours
does.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.rig import ARRANGEMENTS, COMPLETE, Host, declare

pytestmark = pytest.mark.lab

FOREIGN = """
set -e
for kind in iptables ip6tables; do
    $kind -t mangle -N SOMEBODY
    $kind -t mangle -A SOMEBODY -m comment --comment 'newt: not ours' -j RETURN
    $kind -t mangle -I PREROUTING 1 -m comment --comment 'say "hi" \\n' -j ACCEPT
    $kind -t mangle -A POSTROUTING -j SOMEBODY
    $kind -t raw -A PREROUTING -p udp --dport 9 -j NOTRACK
    $kind -t filter -I INPUT 1 -p tcp --dport 9 -j DROP
done
docker network create plain
iptables -I DOCKER-USER 1 -p tcp --dport 9 -j DROP
iptables -I OUTPUT 1 -p tcp --dport 9 -j DROP
nft -f - <<END
table inet somebody {
    set newt { type ipv4_addr; elements = { 192.0.2.1 } }
    chain prerouting {
        type filter hook prerouting priority raw; policy accept;
        ip saddr @newt drop
    }
}
END
"""
NO_LONGER_FOREIGN = """
for kind in iptables ip6tables; do
    $kind -t mangle -D PREROUTING -m comment --comment 'say "hi" \\n' -j ACCEPT
    $kind -t mangle -D POSTROUTING -j SOMEBODY
    $kind -t mangle -F SOMEBODY
    $kind -t mangle -X SOMEBODY
    $kind -t raw -D PREROUTING -p udp --dport 9 -j NOTRACK
    $kind -t filter -D INPUT -p tcp --dport 9 -j DROP
done
iptables -D DOCKER-USER -p tcp --dport 9 -j DROP
iptables -D OUTPUT -p tcp --dport 9 -j DROP
nft delete table inet somebody
docker network rm plain
"""


@pytest.fixture
def crowded(host: Host) -> Iterator[Host]:
    """The NAS with rules of others, also at the first place."""
    host.sh(FOREIGN)
    yield host
    host.sh(NO_LONGER_FOREIGN)


def others(host: Host) -> list[str]:
    """Everybody else's rules, in their order."""
    lines, inside = [], False
    for line in host.rules().splitlines():
        inside = inside or line.startswith("table inet newt_guard_nas")
        if not inside and "NEWT-" not in line:
            lines.append(line)
        inside = inside and line != "}"
    return lines


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_everybody_elses_rules_stay_and_ours_come_first(crowded: Host, arrangement: str) -> None:
    before, theirs = crowded.snapshot(), others(crowded)

    crowded.apply(declare(arrangement=arrangement))

    assert others(crowded) == theirs
    assert crowded.check()["state"] == "ok", "our jumps stand first"
    once = crowded.snapshot()
    crowded.apply(declare(arrangement=arrangement))
    assert crowded.snapshot() == once, "a second apply changes nothing"
    crowded.egress("remove")
    assert crowded.snapshot() == before


DISPLACED = {
    "iptables": {
        "somebody came first": "iptables -t mangle -I PREROUTING 1 -j ACCEPT",
        "our jump is gone": "ip6tables -t mangle -D PREROUTING -i br-newt -j NEWT-EGRESS-nas",
        "our jump is there twice": "iptables -t mangle "
        "-A POSTROUTING -o br-newt -j NEWT-INGRESS-nas",
        "a rule was slipped in": "iptables -t mangle -I NEWT-EGRESS-nas 1 -j RETURN",
        "everything was flushed": "iptables -t mangle -F; iptables -t mangle -X",
    },
    "nftables": {
        "the table is gone": "nft delete table inet newt_guard_nas",
        "a rule was slipped in": "nft insert rule inet newt_guard_nas egress accept",
        "a target was slipped in": "nft add element inet newt_guard_nas targets "
        "'{ 10.0.1.60 . tcp . 5432 }'",
        "our hook is gone": "nft flush chain inet newt_guard_nas prerouting",
        "the table sleeps": "nft add table inet newt_guard_nas '{ flags dormant; }'",
    },
}


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_whatever_displaced_our_rules_is_found_and_mended(host: Host, arrangement: str) -> None:
    host.apply(declare(arrangement=arrangement))
    theirs = others(host)
    for finding, command in DISPLACED[arrangement].items():
        host.sh(command)
        answer = host.check()
        assert answer["state"] == "drifted", finding
        assert answer["faults"], finding
        host.egress("refresh")
        assert host.check()["state"] == "ok", finding
        host.sh("iptables -t mangle -D PREROUTING -j ACCEPT 2>/dev/null; :")
    assert others(host) == theirs


@pytest.mark.parametrize(
    ("before", "after"),
    [("iptables", "nftables"), ("docker-user", "iptables"), ("nftables", "docker-user")],
)
def test_a_change_of_arrangement_leaves_nothing_of_the_former(
    host: Host, before: str, after: str
) -> None:
    host.apply(declare(arrangement=after))
    fresh = host.rules()
    host.egress("remove")

    host.apply(declare(arrangement=before))
    host.apply(declare(arrangement=after))

    assert host.rules() == fresh
    assert host.check()["state"] == "ok"


def test_a_changed_bridge_moves_the_jumps(host: Host) -> None:
    host.apply(declare())

    host.apply(declare(bridge="br-other"))

    assert "br-newt" not in host.rules()
    assert host.check()["state"] == "ok"


def test_iptables_legacy_holds_the_rules_too_and_waits_for_its_lock(host: Host) -> None:
    host.sh("iptables-legacy-save; ip6tables-legacy-save")
    tools = [
        f"{kind}{rest}" for kind in ("iptables", "ip6tables") for rest in ("", "-restore", "-save")
    ]
    host.sh(
        "".join(
            f"ln -s $(command -v {t.replace('tables', 'tables-legacy')}) /usr/local/sbin/{t};"
            for t in tools
        )
    )
    try:
        before = host.rules()
        # Docker holds the lock for a moment now and again.
        with host.nas.popen(["flock", "/run/xtables.lock", "sleep", "1"]):
            host.apply(declare())
        assert "NEWT-EGRESS-nas" in host.sh("iptables-legacy -t mangle -S PREROUTING")
        assert host.check()["state"] == "ok"
        host.sh("iptables -t mangle -I PREROUTING 1 -j ACCEPT")
        assert host.check()["state"] == "drifted"
        host.egress("refresh")
        assert host.check()["state"] == "ok"
        host.sh("iptables -t mangle -D PREROUTING -j ACCEPT")
        host.egress("remove")
        assert host.rules() == before
    finally:
        host.sh("".join(f"rm /usr/local/sbin/{tool};" for tool in tools))
