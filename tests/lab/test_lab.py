"""The lab proves itself: what a test of newt's cage takes for granted holds."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from . import Init, Lab, LabError
from .commands import check
from .node import Node
from .server import HealthCheck, Target
from .topology import PLACES, ROUTER, ROUTER_SERVICES
from .traces import traces

pytestmark = pytest.mark.lab

FOREIGN = "9.9.9.9"  # an address that is not in the lab
NEWT = "fosrl/newt:1.16.0"

SERVICES = [(ROUTER, url) for url in ROUTER_SERVICES] + [
    (name, url) for name, place in PLACES.items() for url in place.services if name != "nas"
]


# A client in the shell's own words. It reads up to the line that every service of the lab ends its
# answer with, since connections stay open; a datagram is read whole, or its rest would be lost.
CLIENT = r"""
exec 3<>"/dev/$1/$2/$3" && printf "$4" >&3 &&
if [ "$1" = udp ]; then
    exec dd bs=2000 count=1 status=none <&3
fi
while IFS= read -r -t 2 -u 3 line; do
    printf '%s\n' "$line"
    case $line in SSH-* | *" at "*) break ;; esac
done
"""


def ask(node: Node, url: str) -> str:
    """What the service at `kind://address:port` says to a client on the node."""
    parts = urlsplit(url)
    transport = "udp" if parts.scheme == "udp" else "tcp"
    say = r"GET / HTTP/1.0\r\n\r\n" if parts.scheme == "http" else r"hello\n"
    words = [transport, parts.hostname or "", str(parts.port), say]
    return node.run(["timeout", "3", "bash", "-c", CLIENT, "ask", *words], check=False).stdout


def ssh(lab: Lab, target: str, *command: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    done = lab.workstation.run(
        [
            "ssh",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            *options,
            target,
            *command,
        ],
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def addresses(node: Node, name: str) -> set[str]:
    done = node.run(["getent", "ahostsv4", name], check=False)
    return {line.split()[0] for line in done.stdout.splitlines()}


def eventually(condition: Callable[[], bool], *, within: float, what: str) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within:.0f} s"
        time.sleep(0.1)


@pytest.mark.parametrize(("name", "url"), SERVICES)
def test_every_service_answers_the_nas_and_writes_down_who_asked(
    lab: Lab, name: str, url: str
) -> None:
    log = lab.log(name)
    mark = log.mark()

    answer = ask(lab.nas, url.replace("dns://", "udp://"))

    assert (name if url.startswith(("http", "banner")) else "hello") in answer
    source = "fd10:1::10" if "[" in url else "10.0.1.10"
    assert log.arrivals(mark, source), f"{url} has no line about {source}"


@pytest.mark.parametrize("url", PLACES["nas"].services)
def test_the_services_of_the_nas_itself_answer_the_lan(lab: Lab, url: str) -> None:
    here = url.replace("0.0.0.0", "10.0.1.10").replace("[::]", "[fd10:1::10]")
    mark = lab.log("nas").mark()

    answer = ask(lab.workstation, here)

    assert "nas" in answer or "hello" in answer
    assert lab.log("nas").arrivals(mark)


def test_the_outsiders_resolver_answers_any_name_with_its_own_address(lab: Lab) -> None:
    done = lab.nas.run(["busybox", "nslookup", "-type=a", "secret.example", "198.51.100.66"])

    assert "198.51.100.66" in done.stdout.partition("Name:")[2]


def test_the_zone_turns_hostile_while_the_resolver_runs(lab: Lab) -> None:
    assert addresses(lab.nas, "homeassistant.lan") == {"10.0.1.100"}
    mark = lab.dns.mark()
    try:
        lab.dns.set("homeassistant.lan", ["10.0.1.60", "198.51.100.66"])
        assert addresses(lab.nas, "homeassistant.lan") == {"10.0.1.60", "198.51.100.66"}
        lab.dns.set("homeassistant.lan", [])
        assert addresses(lab.nas, "homeassistant.lan") == set()
    finally:
        lab.dns.reset()
    assert addresses(lab.nas, "homeassistant.lan") == {"10.0.1.100"}
    assert ("A", "homeassistant.lan", "10.0.1.10") in lab.dns.queries(mark)


def test_a_resolver_that_stopped_answers_nobody_until_it_starts(lab: Lab) -> None:
    lab.dns.stop()
    try:
        assert addresses(lab.nas, "gitea.lan") == set()
    finally:
        lab.dns.start()
    assert addresses(lab.nas, "gitea.lan") == {"10.0.1.50"}


@pytest.mark.parametrize("name", list(PLACES))
def test_the_only_way_off_a_segment_is_the_router_which_knows_no_other(lab: Lab, name: str) -> None:
    gateway = PLACES[name].gateways[0]
    away = lab[name].run(["ip", "route", "get", FOREIGN]).stdout
    assert f"via {gateway} dev eth0" in away

    further = lab[ROUTER].run(["ip", "route", "get", FOREIGN], check=False)
    assert further.returncode != 0, f"the router knows a way to {FOREIGN}: {further.stdout}"


def test_the_workstation_reaches_the_nas_and_checks_its_host_key(lab: Lab) -> None:
    assert ssh(lab, "root@10.0.1.10", "hostname") == (0, "nas\n")

    nothing_known = ("-o", "UserKnownHostsFile=/dev/null")
    status, said = ssh(lab, "root@10.0.1.10", "hostname", options=nothing_known)

    assert status != 0
    assert "Host key verification failed" in said


def test_the_second_workstation_has_a_home_of_its_own_and_the_same_key(lab: Lab) -> None:
    assert lab.workstation2.home != lab.workstation.home
    done = lab.workstation2.run(["ssh", "-o", "BatchMode=yes", "admin@10.0.1.10", "id", "-un"])
    assert done.stdout == "admin\n"


def test_the_users_of_the_nas_differ_in_what_they_may(lab: Lab) -> None:
    assert ssh(lab, "admin@10.0.1.10", "sudo -n id -u && docker ps -q")[0] == 0

    status, said = ssh(lab, "asks@10.0.1.10", "sudo -n id -u")
    assert status != 0
    assert "a password is required" in said

    assert ssh(lab, "nodocker@10.0.1.10", "sudo -n id -u") == (0, "0\n")
    status, said = ssh(lab, "nodocker@10.0.1.10", "docker ps -q")
    assert status != 0
    assert "permission denied" in said


def test_what_the_nas_writes_stays_on_the_nas(lab: Lab) -> None:
    lab.nas.run(["touch", "/etc/only-on-the-nas", "/usr/local/sbin/only-on-the-nas"])

    assert not Path("/etc/only-on-the-nas").exists()
    assert not Path("/usr/local/sbin/only-on-the-nas").exists()
    assert lab.nas.disk.path("etc/only-on-the-nas").exists()
    assert lab.nas.run(["ls", "/home"]).stdout.split() == ["admin", "asks", "nodocker"]


def test_the_nas_pulls_newt_as_from_docker_hub_and_runs_it(lab: Lab) -> None:
    for tag in ("1.16.0", "1.15.9"):
        pulled = lab.nas.run(["docker", "pull", f"fosrl/newt:{tag}"]).stdout
        assert lab.registry.digest("fosrl/newt", tag) in pulled
    version = lab.nas.run(["docker", "run", "--rm", NEWT, "newt", "--version"])
    assert "1.16.0" in version.stdout


def test_the_client_on_the_nas_came_with_its_engine(lab: Lab) -> None:
    versions = "{{.Client.Version}} {{.Server.Version}}"

    said = lab.nas.run(["docker", "version", "--format", versions]).stdout.split()

    client, engine = (version.split(".")[0] for version in said)
    assert client == engine, "a newer client knows options that a user's refuses"


def test_the_other_container_answers_at_its_published_port(lab: Lab) -> None:
    assert "jellyfin" in ask(lab.workstation, "http://10.0.1.10:8096")
    logs = lab.nas.run(["docker", "logs", "jellyfin"])
    assert "10.0.1.20" in logs.stdout + logs.stderr, "who connected is in the container's log"


def test_the_real_newt_connects_and_pangolin_reaches_through_it_what_it_can(lab: Lab) -> None:
    environment = {
        "PANGOLIN_ENDPOINT": "https://pangolin.example.com",
        "NEWT_ID": lab.pangolin.newt_id,
        "NEWT_SECRET": lab.pangolin.newt_secret,
        "DISABLE_CLIENTS": "true",
    }
    options = [f"--env={name}={value}" for name, value in environment.items()]
    lab.nas.run(["docker", "run", "--detach", "--name=free-newt", *options, NEWT])
    try:
        eventually(lab.pangolin.connected, within=20, what="newt signs in")
        lab.pangolin.expose([Target(listen=8001, target="10.0.1.50:3000")])
        eventually(
            lambda: "gitea" in lab.pangolin.fetch(8001).get("body", ""),
            within=20,
            what="gitea answers through the tunnel",
        )
        lab.pangolin.check([HealthCheck(id=1, host="10.0.1.60", port=5432)])
        eventually(
            lambda: [check["status"] for check in lab.pangolin.health()] == ["healthy"],
            within=20,
            what="a newt without a cage reaches postgres",
        )
    finally:
        lab.nas.run(["docker", "rm", "--force", "free-newt"])
        lab.pangolin.expose([])
        lab.pangolin.check([])


def test_a_rebooted_nas_keeps_its_files_and_containers_and_loses_its_rules(lab: Lab) -> None:
    lab.nas.run(["touch", "/var/lib/kept"])
    lab.nas.run(["iptables", "-t", "mangle", "-N", "LOST"])

    lab.reboot_nas()

    lab.nas.run(["test", "-e", "/var/lib/kept"])
    assert "LOST" not in lab.nas.run(["iptables", "-t", "mangle", "-S"]).stdout
    eventually(
        lambda: "jellyfin" in ask(lab.workstation, "http://10.0.1.10:8096"),
        within=10,
        what="the other container is back",
    )
    assert "nas" in ask(lab.workstation, "http://10.0.1.10:5000")


def test_systemd_on_the_nas_is_real_and_boots_in_the_order_that_units_ask_for(lab: Lab) -> None:
    unit = (
        "[Unit]\nBefore=docker.service\n[Service]\nType=oneshot\n"
        "ExecStart=/bin/sh -c 'test ! -e /run/docker.pid && touch /run/before-docker'\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    lab.nas.run(["sh", "-c", "cat >/etc/systemd/system/early.service"], stdin=unit)
    lab.nas.run(["systemctl", "enable", "--quiet", "early.service"])
    try:
        lab.reboot_nas()
        lab.nas.run(["test", "-e", "/run/before-docker"])
        running = lab.nas.run(["systemctl", "is-system-running", "--wait"])
        assert running.stdout == "running\n"
    finally:
        lab.nas.run(["systemctl", "disable", "--quiet", "early.service"])
        lab.nas.run(["rm", "/etc/systemd/system/early.service"])


def test_an_unknown_machine_is_an_error_that_lists_the_known_ones(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"no machine 'toaster'.*gitea"):
        lab["toaster"]


@pytest.fixture
def second(lab: Lab) -> Iterator[Lab]:
    """Another lab beside the first; down when it comes, down when it goes."""
    other = Lab(f"{lab.prefix[:7]}2", engine=lab.docker_engine)
    yield other
    other.down()


def test_a_nas_without_systemd_runs_beside_the_first_lab_and_leaves_nothing(
    lab: Lab, second: Lab
) -> None:
    second.up(Init.PLAIN)

    assert second.nas.run(["systemctl", "is-system-running"], check=False).stdout == "offline\n"
    assert second.nas.run(["test", "-e", "/run/systemd/system"], check=False).returncode != 0
    assert second.nas.run(["docker", "ps", "--format={{.Names}}"]).stdout == "jellyfin\n"
    assert ssh(second, "root@10.0.1.10", "hostname") == (0, "nas\n")
    assert ssh(lab, "root@10.0.1.10", "hostname") == (0, "nas\n")

    second.down()

    assert traces(second) == []
    assert ssh(lab, "root@10.0.1.10", "hostname") == (0, "nas\n"), "the first lab is as it was"


def test_an_uplink_is_noticed_whichever_way_it_leads_out(second: Lab) -> None:
    second.network.create()
    second.network.verify_no_uplink()
    elsewhere, gitea = f"{second.prefix}elsewhere", second.network.namespace("gitea")
    router = second.network.namespace(ROUTER)
    check(["ip", "netns", "add", elsewhere])
    try:
        cable = ["netns", gitea, "type", "veth", "peer", "name", "far", "netns", elsewhere]
        check(["ip", "link", "add", "uplink", *cable])
        with pytest.raises(LabError, match=r"uplink in .*-gitea leads out of the lab"):
            second.network.verify_no_uplink()
        check(["ip", "-netns", gitea, "link", "delete", "uplink"])
    finally:
        check(["ip", "netns", "delete", elsewhere])

    check(["ip", "-netns", router, "route", "add", "default", "via", "203.0.113.254"])
    with pytest.raises(LabError, match="the router has a default route"):
        second.network.verify_no_uplink()


def test_a_lab_that_crashed_halfway_is_cleaned_up_by_the_next(second: Lab) -> None:
    second.up(Init.PLAIN)
    forgotten = second["gitea"].popen(["sleep", "600"], stdout=subprocess.DEVNULL)
    for name in ("resolver", "services-gitea"):  # as if the machine had killed them
        pid = second.processes.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    second.up()

    assert forgotten.wait(timeout=5) != 0, "whoever was still inside was ended"
    assert addresses(second.nas, "gitea.lan") == {"10.0.1.50"}
    second.down()
    assert traces(second) == []
