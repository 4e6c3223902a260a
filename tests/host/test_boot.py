"""Boot: rules first, then Docker, then newt; without a look-up; and when the rules are no good,
nothing crosses newt's bridge while everybody else goes on.
"""

from __future__ import annotations

import pytest

from tests.host.rig import (
    COMPLETE,
    DOCKER_USER_BACK,
    GITEA,
    POSTGRES,
    STATE,
    Host,
    declare,
    eventually,
    rule,
)

pytestmark = pytest.mark.lab

NAMED = rule("homeassistant", "homeassistant.lan", 8123)
FLUSH = """
for kind in iptables ip6tables; do $kind -t mangle -F; $kind -t mangle -X; done
nft delete table inet newt_guard_nas 2>/dev/null || :
"""
NETFILTER = "/usr/share/netfilter-persistent"


def jellyfin_runs(host: Host) -> bool:
    return "true" in host.sh("docker container inspect -f '{{.State.Running}}' jellyfin")


def dropped(host: Host) -> int:
    rows = [line.split("\t") for line in host.egress("counters").stdout.splitlines()]
    return sum(int(row[0]) for row in rows if row[3] == "not listed")


def moment(host: Host, unit: str, what: str) -> int:
    shown = host.sh(f"systemctl show {unit} --property {what}TimestampMonotonic --value")
    return int(shown)


@pytest.mark.engines
@pytest.mark.parametrize("arrangement", COMPLETE)
def test_after_a_reboot_a_flooding_newt_that_docker_starts_finds_the_rules_in_force(
    host: Host, arrangement: str
) -> None:
    host.apply(declare(NAMED, arrangement=arrangement, persistence="systemd"))
    host.create_network()
    host.start_flooding_newt(POSTGRES, "--restart", "unless-stopped")
    # its first look-up came with `apply`, and may still be under way
    host.sh("systemctl stop newt-egress-refresh@nas.timer newt-egress-refresh@nas.service")
    mark = host.lab.dns.mark()

    with host.tapped_at("postgres") as wire:
        host.lab.reboot_nas()
        eventually(lambda: dropped(host) > 1000, "newt floods again", within=20)

    assert wire.carried.get(POSTGRES, 0) == 0
    assert moment(host, "newt-egress@nas.service", "ExecMainExit") <= moment(
        host, "docker.service", "ExecMainStart"
    )
    assert host.lab.dns.queries(mark) == [], "a boot must not need the network"
    assert host.check()["state"] == "ok"
    assert jellyfin_runs(host)


def test_with_cron_newt_is_started_after_the_rules(host: Host) -> None:
    host.apply(declare(persistence="cron"))
    host.create_network()
    host.start_flooding_newt(POSTGRES, "--restart", "no")

    with host.tapped_at("postgres") as wire:
        host.lab.reboot_nas()
        eventually(host.newt_runs, "cron's @reboot starts newt", within=20)
        eventually(lambda: dropped(host) > 1000, "newt floods again", within=20)

    assert wire.carried.get(POSTGRES, 0) == 0
    assert host.check()["state"] == "ok"


@pytest.fixture
def forgotten(host: Host) -> Host:
    """As between power-on and Docker: the kernel has no rules of ours any more."""
    host.apply(declare(NAMED, persistence="systemd"))
    host.create_network()
    host.start_newt()
    host.sh(FLUSH)
    return host


DAMAGED = {
    "a rule file that lost its end": f"sed -i '/not listed/,$d' {STATE}/current/load4",
    "a rule file that is gone": f"rm {STATE}/current/load4",
}


def answering(host: Host) -> list[str]:
    """Which of two targets answers newt: gitea, which is listed, and postgres, which is not."""
    answers = host.dial((GITEA, 3000), (POSTGRES, 5432))
    return [name for name in ("gitea", "postgres") if any(f"{name} at" in a for a in answers)]


def test_rules_that_are_damaged_on_disk_cut_newt_off_and_nobody_else(forgotten: Host) -> None:
    for damage, command in DAMAGED.items():
        forgotten.sh(f"{FLUSH} {command}")

        forgotten.egress("gate")  # Docker may start

        assert answering(forgotten) == [], damage
        logged = forgotten.sh("journalctl --identifier newt-egress --lines 1 --output cat")
        assert "nothing crosses br-newt" in logged, damage
        assert forgotten.check()["state"] == "drifted", damage
        forgotten.apply(declare(NAMED, persistence="systemd"))
        assert forgotten.check()["state"] == "ok", damage
        assert answering(forgotten) == ["gitea"], f"the last resort still stands after {damage}"


def test_a_damaged_declaration_keeps_docker_from_starting_and_an_apply_mends_it(
    forgotten: Host,
) -> None:
    forgotten.sh(f"true >{STATE}/current/declaration")

    assert forgotten.egress("gate", check=False).returncode != 0, "nobody knows the bridge"

    forgotten.apply(declare(NAMED, persistence="systemd"))
    assert forgotten.egress("gate").returncode == 0
    assert forgotten.check()["state"] == "ok"


def test_docker_starts_only_behind_the_rules_and_not_at_all_when_newt_cannot_be_confined(
    forgotten: Host,
) -> None:
    # jellyfin takes its time to stop
    forgotten.sh("docker kill jellyfin; systemctl stop docker.socket docker.service")
    with forgotten.stub("nft", "exit 1"), forgotten.stub("iptables-restore", "exit 1"):
        said = forgotten.sh("systemctl start docker.service", check=False)
        active = forgotten.sh("systemctl is-active docker.service", check=False)

    forgotten.sh("systemctl reset-failed docker.service; systemctl start docker.service")

    assert "failed" in said
    assert active != "active\n"
    assert forgotten.check()["state"] == "ok", "the gate loads what is missing"
    forgotten.sh("docker start jellyfin")


@pytest.mark.docker_user
def test_docker_user_rules_wait_for_docker_behind_a_closed_door(host: Host) -> None:
    host.apply(declare(arrangement="docker-user", persistence="systemd"))
    host.create_network()
    host.start_newt()
    host.sh(f"iptables -D FORWARD -j DOCKER-USER; iptables -F DOCKER-USER; {FLUSH}")
    host.sh("iptables -D INPUT -i br-newt -j NEWT-EGRESS-nas; iptables -X DOCKER-USER")

    host.egress("gate")

    assert answering(host) == []
    host.sh(DOCKER_USER_BACK)
    host.egress("refresh")
    assert host.check()["state"] == "ok"
    assert answering(host) == ["gitea"]


def test_without_persistence_newt_egress_starts_newt_after_the_rules(host: Host) -> None:
    host.apply(declare(persistence="none"))
    host.create_network()
    host.start_newt()
    host.sh(f"docker stop newt-tunnel; {FLUSH}")
    assert host.egress("start", check=False).returncode != 0, "the cage does not stand"
    assert not host.newt_runs()

    host.egress("boot")

    assert host.newt_runs()
    assert host.check()["state"] == "ok"


def test_the_plugin_of_netfilter_persistent_loads_and_saves_nothing(host: Host) -> None:
    plugin = f"{NETFILTER}/plugins.d/40-newt-egress-nas"
    host.sh(f"mkdir -p {NETFILTER}/plugins.d")
    try:
        host.apply(declare(persistence="netfilter-persistent"))
        whole = host.rules()
        host.sh(FLUSH)
        for verb in ("save", "flush", "stop"):
            host.sh(f"{plugin} {verb}")
        assert host.check()["state"] == "drifted"

        host.sh(f"{plugin} start")

        assert host.rules() == whole
        host.egress("remove")
        assert plugin not in host.sh(f"find {NETFILTER}")
    finally:
        host.sh(f"rm -r {NETFILTER}")


@pytest.mark.parametrize("tool", ["iptables", "nft"])
def test_rules_still_load_when_an_update_of_the_tools_words_them_differently(
    host: Host, tool: str
) -> None:
    arrangement = "nftables" if tool == "nft" else "iptables"
    host.apply(declare(arrangement=arrangement))
    whole = host.rules()
    host.sh(FLUSH)
    with host.stub(tool, '"$real" "$@" | sed "s/10.0.1.50/10.0.1.050/"'):
        host.egress("boot")
        assert host.check()["state"] == "ok"
    assert host.rules() == whole


def test_nothing_here_restarts_docker_or_another_container(host: Host) -> None:
    def running() -> str:
        return host.sh(
            "systemctl show docker.service --property MainPID,ExecMainStartTimestampMonotonic; "
            "docker container inspect -f '{{.State.Pid}} {{.State.StartedAt}}' jellyfin"
        )

    before = running()
    host.apply(declare(persistence="systemd"))
    host.egress("refresh")
    host.apply(declare(persistence="systemd", arrangement="nftables"))
    host.sh("systemctl restart newt-egress@nas.service; systemctl stop newt-egress@nas.service")
    host.apply(declare(persistence="cron"))
    host.apply(declare(persistence="systemd"))
    host.egress("remove")

    assert running() == before
