"""The look at a Docker host: what the script prints, and what is read from it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.egress.free_subnet import DEFAULT_SUBNET, free_subnet
from newt_tunnel.tools.new import NewError
from newt_tunnel.tools.new.host_facts import HostFacts, PublishedPort, RunningContainer, parse
from newt_tunnel.tools.new.host_services import offered, remarks
from newt_tunnel.tools.new.login import LOOK, SECRET
from tests.unit.new.workstation import RECORDED

HIDDEN = "of-the-site-4711"
SHELLS = [["sh"], ["busybox", "sh"]]
#: A Docker with one newt, as Docker's own templates print it.
_DOCKER = """\
#!/bin/sh
case $* in
    "version -f"*) echo 28.2.2 ;;
    --version) echo "Docker version 28.2.2" ;;
    "info -f"*) echo "[name=seccomp,profile=builtin]" ;;
    "network ls -q") echo abc ;;
    "network inspect"*) echo 172.17.0.0/16; echo ; echo fd00::/64 ;;
    "ps -q") echo 1234 ;;
    *"{{.Name}}"*) echo /old-newt ;;
    *"{{.Config.Image}}"*) echo docker.io/fosrl/newt:1.12.0 ;;
    *NetworkMode*) echo bridge ;;
    *"index (split"*) printf 'PATH\\nPANGOLIN_ENDPOINT\\nNEWT_ID\\nNEWT_SECRET\\n\\n' ;;
    *"range .Config.Env"*) printf 'PATH=/bin\\nPANGOLIN_ENDPOINT=https://p.example.com\\n'
        printf 'NEWT_ID=fromvariable\\nNEWT_SECRET=%s\\n\\n' "$SECRET" ;;
    *"range .Args"*)
        printf '%s\\n' --id 2ix2t8xk22ubpfy -secret "$SECRET" --log-level=DEBUG --port "$SECRET" ;;
    *Ports*) echo "8096/tcp 8096 127.0.0.1" ;;
    *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""


def run(tmp_path: Path, script: str, shell: Sequence[str], *words: str) -> str:
    """The output of a script where Docker is the one above."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"there is no {shell[0]}")
    docker = tmp_path / "docker"
    docker.write_text(_DOCKER.replace("$SECRET", HIDDEN))
    docker.chmod(0o755)
    first = script.replace('PATH="', f'PATH="{tmp_path}:', 1)
    assert first != script
    done = subprocess.run(
        [*shell, "-s", "--", *words], input=first, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_look_prints_names_of_variables_and_no_secret(
    tmp_path: Path, shell: Sequence[str]
) -> None:
    printed = run(tmp_path, LOOK, shell)
    assert HIDDEN not in printed
    found = parse(printed, "10.0.1.10")
    assert found.docker == "28.2.2"
    assert IPv4Network("172.17.0.0/16") in found.networks
    (newt,) = found.newts
    assert (newt.container, newt.endpoint, newt.id) == (
        *("old-newt", "https://p.example.com"),
        "2ix2t8xk22ubpfy",
    )
    assert {*newt.variables} >= {"PATH", "PANGOLIN_ENDPOINT", "NEWT_ID", "NEWT_SECRET"}
    assert newt.has_secret
    assert found.containers == (
        RunningContainer(
            *("old-newt", "docker.io/fosrl/newt:1.12.0", "bridge"),
            (PublishedPort(8096, 8096, "tcp", "127.0.0.1"),),
        ),
    )


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_secret_is_printed_alone_for_pulumi(tmp_path: Path, shell: Sequence[str]) -> None:
    assert run(tmp_path, SECRET, shell, "old-newt") == f"{HIDDEN}\n"


def test_a_look_that_ended_early_is_an_error() -> None:
    with pytest.raises(NewError, match="the look at the host ended early"):
        parse("user\troot\n", "10.0.1.10")


@given(st.text())
def test_lines_that_are_not_understood_are_left_out(text: str) -> None:
    found = parse(f"{text}\nport\tx\nnetwork\tnone\nresolver\n\nend\n", "10.0.1.10")
    assert isinstance(found, HostFacts)


def test_the_recorded_look_is_read_whole() -> None:
    found = parse((RECORDED / "nas.look").read_text(), "10.0.1.10")
    assert found.resolvers == (IPv4Address("10.0.1.53"),)
    assert "systemd" in found.boot
    assert {*found.firewalls} == {"nftables", "iptables"}
    assert offered(found.containers, "10.0.1.10") == [
        {"name": "jellyfin", "host": "10.0.1.10", "port": 8096}
    ]


def test_only_a_port_that_newt_reaches_is_offered_and_the_rest_is_explained() -> None:
    web = RunningContainer(
        *("web", "nginx", "bridge"),
        (PublishedPort(80, 8080, "tcp"), PublishedPort(53, 5353, "udp", "10.0.1.11")),
    )
    others = [
        RunningContainer("dns", "unbound", "host"),
        RunningContainer("db", "postgres", "bridge"),
        RunningContainer("admin", "adminer", "b", (PublishedPort(80, 81, "tcp", "127.0.0.1"),)),
    ]
    assert offered([web, *others], "10.0.1.10") == [
        {"name": "web-8080-tcp", "host": "10.0.1.10", "port": 8080},
        {"name": "web-5353-udp", "host": "10.0.1.11", "port": 5353, "protocol": "udp"},
    ]
    assert [*remarks([web, *others])] == [
        "dns is in the host's network: write the port on which it listens",
        "db publishes no port, so newt does not reach it",
        "admin is published on loopback only, where newt does not reach it",
    ]


def test_a_container_with_the_name_of_a_built_in_rule_gets_another() -> None:
    container = RunningContainer("pangolin", "x", "b", (PublishedPort(80, 80, "tcp"),))
    assert offered([container], "10.0.1.10")[0]["name"] == "pangolin-service"


BLOCKS = st.integers(0, 2**32 - 1).flatmap(
    lambda number: st.integers(1, 32).map(
        lambda length: IPv4Network((number >> (32 - length) << (32 - length), length))
    )
)


@given(st.lists(BLOCKS))
def test_the_subnet_is_free(taken: list[IPv4Network]) -> None:
    found = free_subnet(taken)
    assert found is None or not any(found.overlaps(block) for block in taken)
    if not any(DEFAULT_SUBNET.overlaps(block) for block in taken):
        assert found == DEFAULT_SUBNET


def test_a_default_route_takes_no_subnet_and_all_of_them_leave_none() -> None:
    assert free_subnet([IPv4Network("0.0.0.0/0")]) == DEFAULT_SUBNET
    private = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
    assert free_subnet(map(IPv4Network, private)) is None
