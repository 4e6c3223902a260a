"""The engine killed in the middle of an update of the real stack, and `pulumi up` again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.attack.siege import Arrangement
from tests.deployment import Deployment
from tests.engine.prepare import prepare
from tests.engine.versions import PLUGINS_OF
from tests.faults.finding import Finding, found
from tests.faults.flood import PORT, PPS, SECONDS
from tests.faults.host.flood import TARGETS, flooded
from tests.host.moments import moments
from tests.host.rig import Host, eventually

NAME = "the engine is killed in mid-update"
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "iptables": {"firewall": "iptables", "hook": "prerouting"},
    "nftables": {"firewall": "nftables", "hook": "prerouting"},
    "docker-user": {"firewall": "iptables", "hook": "docker-user"},
}
ADDED = {"name": "wiki", "host": "10.0.1.50", "port": 3001}
#: The rules are loaded, and the program on the host still works.
HOLD = "touch /run/loaded; sleep 3"
MOMENT = "when the program was replaced"
KILLED = -9
#: From the start of the engine until it has the host load rules, under a flood.
PATIENCE = 180


def suffer(host: Host, arrangements: Sequence[Arrangement]) -> Iterator[Finding]:
    """Deploys the example stack in each of the arrangements, and kills the engine in an update of
    each."""
    deployment = Deployment(host.lab, prepare(needed=PLUGINS_OF["nas"]))
    deployment.check_out()
    deployment.configure()
    deployment.up()
    try:
        for arrangement in arrangements:
            if arrangement.rules:
                yield _suffer(host, deployment, arrangement.name, SETTINGS[arrangement.rules])
    finally:
        deployment.remove()


def _suffer(host: Host, deployment: Deployment, name: str, settings: Mapping[str, str]) -> Finding:
    before = deployment.setting("egress")
    deployment.edit(docker={**deployment.setting("docker"), **settings})
    deployment.up()
    flood_words = ["flood", ",".join(TARGETS), str(PORT), str(SECONDS), str(PPS)]
    with host.newt_meanwhile(*flood_words):
        finding = found(
            name, NAME, flooded(host), lambda: _killed(host, deployment, [*before, ADDED])
        )
    deployment.edit(egress=before)
    return finding


def _killed(host: Host, deployment: Deployment, egress: list[Any]) -> None:
    tool, script = moments(HOLD)[MOMENT]
    deployment.edit(egress=egress)
    command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "nas"]
    with host.stub(tool, script):
        update = deployment.workstation.popen(
            command, stdout=subprocess.DEVNULL, env=deployment.environment, cwd=deployment.folder
        )
        try:
            eventually(
                lambda: "loaded" in host.sh("ls /run"), "the rules are loaded", within=PATIENCE
            )
        finally:
            update.kill()
            ended = update.wait(timeout=60)
            host.sh("rm -f /run/loaded")
            deployment.pulumi("cancel", "--yes")  # the dead engine holds the stack's lock
        assert ended == KILLED, "the engine ended before it was killed"
        free = "flock -n /run/newt-egress@nas.lock echo free || :"
        eventually(lambda: "free" in host.sh(free), "the program on the host ends")
    deployment.up()
    assert host.check()["state"] == "ok", "the next update did not mend it"
    deployment.preview("--expect-no-changes")
