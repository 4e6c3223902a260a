"""What happens to the host while newt floods: each fault as a function that does it, and checks
what else has to be so; it raises AssertionError where that is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

from newt_tunnel.docker_host.payload import Declaration
from newt_tunnel.egress.limits import NETWORKS, RELOAD, HostLimit
from newt_tunnel.egress.rules import Rule
from tests.attack.attacks import JELLYFIN
from tests.attack.machines import CONFIGURATION
from tests.attack.siege import reloaded
from tests.faults.finding import Window
from tests.host import second_newt
from tests.host.moments import moments
from tests.host.rig import CONTAINER, GITEA, NAS, POSTGRES, Host, declare, eventually, rule

NFTABLES, DOCKER_USER = "nftables", "docker-user"
NAME = "homeassistant.lan"
NAMED = rule("homeassistant", NAME, 8123)
FIRST_TARGET = IPv4Address("10.77.0.1")  # nobody's
IN_A_ROW = 100
STORM = 10

#: Deletes the guard's own rules, as `iptables -F` or `nft delete` by hand would.
DELETE = {
    "iptables": "for kind in iptables ip6tables; do $kind -t mangle -F NEWT-EGRESS-nas; done",
    NFTABLES: "nft delete table inet newt_guard_nas",
    DOCKER_USER: "iptables -F NEWT-EGRESS-nas",
}
TIMER = "/etc/systemd/system/newt-egress-refresh@nas.timer.d"
#: The timer's own five minutes would make the run long; the window is as long as its interval.
OFTEN = "[Timer]\nOnUnitActiveSec={seconds}s\nAccuracySec=100ms\n"
#: Long enough for two looks in between on a busy machine.
TIMER_SECONDS = 25
#: Ends the connections of sshd, in the NAS's own process ids.
CUT = """
for pid in $(grep -l -a -s 'sshd: roo[t]' /proc/[0-9]*/cmdline | cut -d / -f 3); do
    kill -KILL "$pid"
done
"""


@dataclass(frozen=True)
class Scene:
    """A Docker host with newt in a cage, flooding; ``rules`` is the arrangement as in `rig`."""

    host: Host
    rules: str
    persistence: str

    @property
    def restart(self) -> str:
        """Who starts newt again: Docker, or the guard."""
        return "unless-stopped" if self.persistence == "systemd" else "no"

    def declare(self, *more: Rule) -> Declaration:
        return declare(*more, arrangement=self.rules, persistence=self.persistence)

    def apply(self, *more: Rule) -> str:
        return self.host.apply(self.declare(*more)).stdout

    def stands(self, why: str) -> None:
        state = self.host.check()
        assert state["state"] == "ok", f"{why}: {state.get('faults', state['state'])}"


@dataclass(frozen=True)
class Fault:
    """``limit`` is the one that it shows, ``rules`` the arrangements that it is for; ``rebooted``:
    the host loses power meanwhile."""

    name: str
    happens: Callable[[Scene], Window | None]
    limit: HostLimit | None = None
    persistence: str = "none"
    rules: Sequence[str] = ("iptables", NFTABLES, DOCKER_USER)
    rebooted: bool = False


def _targets(count: int) -> list[Rule]:
    return [rule(f"target-{n}", str(FIRST_TARGET + n), 443) for n in range(count)]


def _changed(count: int, times: int) -> Callable[[Scene], None]:
    """Targets come and go; one that comes is a forbidden target's other port."""
    targets = _targets(count)
    variants = (
        [*targets[1:], rule("postgres", POSTGRES, 5433)],
        [*targets[:-1], rule("other", str(FIRST_TARGET + count), 80)],
    )

    def happens(scene: Scene) -> None:
        for n in range(times):
            said = scene.apply(*variants[n % 2])
            assert "in force: " in said, said

    return happens


def _unparsable(scene: Scene) -> None:
    host, script = scene.host, scene.declare(_targets(1)[0]).script
    for wrong in ("10.0.1.500", "no-address"):
        assert "refused by the firewall's own tools" in host.refuses(script.replace(GITEA, wrong))
    scene.stands("after rules that do not parse")


def _name_lost(scene: Scene) -> None:
    host = scene.host
    scene.apply(NAMED)
    host.lab.dns.set(NAME, [])
    assert f"{NAME} does not resolve now" in host.egress("refresh").stdout
    host.lab.dns.stop()
    try:
        assert f"{NAME} does not resolve now" in host.egress("refresh").stdout
    finally:
        host.lab.dns.start()
        host.lab.dns.reset()
    scene.stands("after a name was lost")


def _name_turned(scene: Scene) -> None:
    host = scene.host
    scene.apply(NAMED)
    try:
        for answer in ("127.0.0.1", NAS, POSTGRES):
            host.lab.dns.set(NAME, [answer])
            done = host.egress("refresh", check=False)
            assert done.returncode != 0, f"{NAME} was believed to be {answer}"
            assert f"{NAME} resolves to {answer}" in done.stdout
            scene.stands(f"after {NAME} turned to {answer}")
    finally:
        host.lab.dns.reset()


def _killed(scene: Scene) -> None:
    host = scene.host
    for moment, (tool, script) in moments(arrangement=scene.rules).items():
        scene.apply()
        with host.stub(tool, script):
            done = host.apply(scene.declare(*_targets(3)), check=False)
        assert done.returncode != 0, f"it was not killed {moment}"
        assert host.check()["state"] != "ok", f"nobody would notice that it was killed {moment}"
        scene.apply()
        scene.stands(f"after it was killed {moment}")


def _connection_lost(scene: Scene) -> None:
    host = scene.host
    script = scene.declare(*_targets(3)).script
    for moment, (tool, stub) in moments(CUT, arrangement=scene.rules).items():
        scene.apply()
        with host.stub(tool, stub):
            command = ["ssh", f"root@{NAS}", "sh -s -- apply generation-1"]
            done = host.lab.workstation.run(command, stdin=script, check=False)
            assert done.returncode != 0, f"the connection was not lost {moment}"
            finished = f"the change goes on when the connection is lost {moment}"
            eventually(lambda: host.check()["state"] == "ok", finished)
        assert "target-2" in host.egress("counters").stdout, finished


def _two_at_once(scene: Scene) -> None:
    scripts = [scene.declare(rule(name, "192.0.2.9", 9)).script for name in ("one", "two")]
    both = 'sh -c "$1" sh apply one & one=$!; sh -c "$2" sh apply two & wait $! && wait $one'
    said = scene.host.nas.run(["sh", "-c", f"exec 2>&1; {both}", "both", *scripts]).stdout
    assert said.count("in force: ") == 2, said
    scene.stands("after two changes at once")


def _disk_full(scene: Scene) -> None:
    host = scene.host
    with host.small_disk() as leave_room:
        for pages in (0, 3, 6, 9):
            leave_room(pages)
            said = host.refuses(scene.declare(*_targets(3)))
            assert "disk full" in said, said
            scene.stands("after the disk was full")


def _networks_created(scene: Scene) -> None:
    for n in range(STORM):
        scene.host.sh(f"docker network create storm{n} && docker network rm storm{n}")


def _filter_replaced(scene: Scene) -> None:
    with reloaded(scene.host):
        time.sleep(1)


def _docker_restarted(scene: Scene) -> None:
    scene.host.sh("systemctl restart docker.service")
    eventually(scene.host.newt_runs, "Docker starts newt again")


def _docker_killed(scene: Scene) -> None:
    host = scene.host
    pid = host.sh("systemctl show docker.service --property MainPID --value").strip()
    host.sh(f"kill -KILL {pid}")
    another = (
        f"pid=$(systemctl show docker.service --property MainPID --value); "
        f"[ $pid != {pid} ] && [ $pid != 0 ] && docker version >/dev/null 2>&1 && echo back"
    )
    eventually(lambda: "back" in host.sh(another, check=False), "systemd starts Docker again")
    # Docker forgets, when it was killed, what ran then and should be started again.
    host.sh(f"docker start {CONTAINER} {JELLYFIN}")


def _docker_replaced(scene: Scene) -> None:
    """With live-restore newt runs on while Docker is away."""
    with _live_restore(scene.host):
        started = _newt_started(scene.host)
        _docker_restarted(scene)
        _docker_killed(scene)
        assert _newt_started(scene.host) == started, "newt did not live through it"


@contextmanager
def _live_restore(host: Host) -> Iterator[None]:
    before = host.sh(f"cat {CONFIGURATION}")
    live = before.strip().removesuffix("}") + ', "live-restore": true}'
    host.sh(f"cat >{CONFIGURATION} && systemctl reload docker.service", stdin=live)
    try:
        on = "docker info --format '{{.LiveRestoreEnabled}}'"
        eventually(lambda: "true" in host.sh(on), "Docker restores live")
        yield
    finally:
        host.sh(f"cat >{CONFIGURATION} && systemctl reload docker.service", stdin=before)


def _newt_started(host: Host) -> str:
    return host.sh("docker container inspect -f '{{.State.StartedAt}}' " + CONTAINER)


def _second_newt(scene: Scene) -> None:
    with second_newt.beside(scene.host, scene.rules, rule("postgres", POSTGRES, 5432)):
        scene.stands("beside a second newt")
    scene.stands("after a second newt")


def _rebooted(scene: Scene) -> None:
    host = scene.host
    host.lab.reboot_nas()
    if scene.rules == DOCKER_USER:
        # They wait for Docker behind a closed door, until the timer's or cron's first refresh.
        host.egress("refresh")
    eventually(host.newt_runs, "newt is started", within=60)
    eventually(lambda: host.check()["state"] == "ok", "the cage stands after the boot")


def _rules_deleted(scene: Scene) -> Window:
    """Returns when the timer has repaired them."""
    host = scene.host
    text = OFTEN.format(seconds=TIMER_SECONDS)
    host.sh(f"mkdir -p {TIMER} && cat >{TIMER}/often.conf", stdin=text)
    try:
        host.sh("systemctl daemon-reload && systemctl restart newt-egress-refresh@nas.timer")
        # The worst moment is right after a refresh.
        host.sh("systemctl start newt-egress-refresh@nas.service")
        opened = time.time()
        host.sh(DELETE[scene.rules])
        assert host.check()["state"] == "drifted", "check does not tell of it"
        status = host.egress("status", check=False)
        assert status.returncode != 0, "status ends as if all were well"
        assert "NOT in force" in status.stdout, "status does not tell of it"
        standing = "the timer repairs the rules"
        eventually(lambda: host.check()["state"] == "ok", standing, within=5 * TIMER_SECONDS)
        closed = time.time()
    finally:
        host.sh(f"rm -r {TIMER} && systemctl daemon-reload")
    assert "repaired: " in host.sh("journalctl --identifier newt-egress --lines 5 --output cat")
    return Window(opened, closed)


FAULTS = (
    *(
        Fault(f"the allow-list changes, {count} targets", _changed(count, 4))
        for count in (10, 100, 500)
    ),
    Fault("the allow-list changes, 5000 targets", _changed(5000, 4), rules=[NFTABLES]),
    Fault(f"the allow-list changes {IN_A_ROW} times in a row", _changed(10, IN_A_ROW)),
    Fault("a rule file that does not parse", _unparsable),
    Fault("a name stops resolving", _name_lost),
    Fault("a name turns to 127.0.0.1, the host, a forbidden target", _name_turned),
    Fault("a change is killed at every step", _killed),
    Fault("the SSH connection is lost at every step of a change", _connection_lost),
    Fault("two changes at once", _two_at_once),
    Fault("a second newt is deployed, changed, held and destroyed", _second_newt),
    Fault("the disk is full", _disk_full),
    Fault("networks are created and removed", _networks_created, NETWORKS),
    Fault("somebody replaces the filter table", _filter_replaced, RELOAD),
    Fault("the guard's rules are deleted by hand", _rules_deleted, persistence="systemd"),
    Fault("Docker is restarted", _docker_restarted, persistence="systemd"),
    Fault("Docker is killed", _docker_killed, persistence="systemd"),
    Fault(
        "Docker is restarted and killed, with live-restore", _docker_replaced, persistence="systemd"
    ),
    Fault("the host loses power", _rebooted, persistence="systemd", rebooted=True),
    Fault("the host loses power, with cron", _rebooted, persistence="cron", rebooted=True),
)
