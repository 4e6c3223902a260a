"""What the stack's tests look at: newt's own namespace, the tunnel, and the targets' logs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from tests.deployment import Deployment
from tests.lab import Lab

TUNNEL_SECONDS = 60
KNOCK_SECONDS = 2


def wait_for_tunnel(lab: Lab) -> None:
    """Return when newt has its tunnel; AssertionError when it does not get one."""
    deadline = time.monotonic() + TUNNEL_SECONDS
    while not lab.pangolin.status()["tunnel"]["up"]:
        assert time.monotonic() < deadline, f"no tunnel: {lab.pangolin.status()}"
        time.sleep(0.2)


def on_nas(lab: Lab, command: str, *, check: bool = True) -> str:
    """Run a shell command as root on the NAS; both streams."""
    return lab.nas.run(["sh", "-c", f"{{ {command}\n}} 2>&1"], check=check).stdout


def inspect(lab: Lab, container: str = "newt-tunnel") -> dict[str, Any]:
    """``docker inspect`` of a container, whole."""
    found: list[dict[str, Any]] = json.loads(on_nas(lab, f"docker inspect {container}"))
    return found[0]


def knock(lab: Lab, address: str, port: int) -> bool:
    """Whether a TCP connection from newt's network namespace succeeds."""
    pid = inspect(lab)["State"]["Pid"]
    attempt = f"exec 3<>/dev/tcp/{address}/{port}"
    command = f"nsenter -t {pid} -n timeout {KNOCK_SECONDS} bash -c '{attempt}'"
    return lab.nas.run(["sh", "-c", command], check=False).returncode == 0


def firewall_of(lab: Lab) -> str:
    """All rules of iptables on the NAS, and our tables of nftables, without counters, comments and
    the tables' own order of chains."""
    ours = (
        "nft list tables inet | sed -n 's/^table \\(inet newt_guard.*\\)/\\1/p' | "
        "while read -r table; do nft -s list table $table; done"
    )
    saved = on_nas(lab, f"iptables-save; ip6tables-save; {ours}")
    return "\n".join(line for line in saved.splitlines() if not line.startswith(("#", ":")))


def as_it_was(deployment: Deployment) -> Iterator[Deployment]:
    """A test's part of a deployment: afterwards the stack file is put back, and deployed if it had
    changed."""
    before = deployment.stack_file.read_text()
    wait_for_tunnel(deployment.lab)
    yield deployment
    if deployment.stack_file.read_text() != before:
        deployment.stack_file.write_text(before)
        deployment.up()
