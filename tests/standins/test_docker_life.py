"""What the product relies on in the Docker plugin: the real engine, on a real dockerd over SSH.

The plugin is the one that `tests/engine` builds; pulumi-docker 5.1.0 behaves the same here.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.standins.dockerhost import IMAGE, DockerHost
from tests.standins.stack import Stack

pytestmark = pytest.mark.lab
PROGRAM = """
import json
import pulumi
import pulumi_docker as docker

spec = json.load(open("spec.json"))
nas = docker.Provider("nas", **spec["provider"])
options = pulumi.ResourceOptions(provider=nas)
network = docker.Network("network", opts=options, **spec["network"])
volume = docker.Volume("volume", name="newt-config", opts=options)
image = docker.RemoteImage("image", keep_locally=True, opts=options, name=spec["image"])
container = spec["container"]
container.setdefault("mounts", [{"type": "volume", "source": volume.name, "target": "/data"}])
docker.Container(
    "container",
    image=image.image_id,
    networks_advanced=[{"name": network.name, "ipv4_address": "172.30.0.10"}],
    opts=pulumi.ResourceOptions(
        provider=nas, replace_on_changes=spec["replace_on"], delete_before_replace=True
    ),
    **container,
)
"""
NETWORK = {
    "name": "newt",
    "driver": "bridge",
    "ipv6": False,
    "internal": False,
    "attachable": False,
    "ipam_configs": [{"subnet": "172.30.0.0/24", "gateway": "172.30.0.1"}],
    "options": {
        "com.docker.network.bridge.name": "br-newt",
        "com.docker.network.bridge.enable_icc": "false",
    },
}
CONTAINER = {
    "name": "newt-tunnel",
    "user": "65534:65534",
    "read_only": True,
    "tmpfs": {"/tmp": "rw,noexec,nosuid,size=16m"},
    "capabilities": {"drops": ["ALL"], "adds": ["CAP_NET_RAW"]},
    "security_opts": ["no-new-privileges"],
    "dns": ["10.0.1.53"],
    "hosts": [{"host": "pangolin.example.com", "ip": "203.0.113.10"}],
    "envs": ["LOG_LEVEL=INFO"],
    "memory": 128,
    "memory_swap": 128,
    "cpu_shares": 512,
    "ulimits": [{"name": "nproc", "soft": 100, "hard": 100}],
    "healthcheck": {"tests": ["CMD", "/bin/true"], "interval": "1s", "timeout": "5s"},
    "labels": [{"label": "config", "value": "one"}],
    "restart": "unless-stopped",
    "log_driver": "json-file",
    "log_opts": {"max-size": "1m"},
    "entrypoints": ["/bin/sh"],
    "command": ["-c", "sleep 1000"],
    "destroy_grace_seconds": 1,
    "wait": True,
    "wait_timeout": 30,
}


class Nas:
    """The stack, and the host it runs on."""

    def __init__(self, directory: Path, host: DockerHost) -> None:
        self.host = host
        self.stack = Stack(directory, PROGRAM, inside=host.inside)
        kind, key = host.sshd.host_key.split()[:2]
        self._provider = {
            "host": f"ssh://root@127.0.0.1:{host.sshd.port}",
            "ssh_opts": [
                *("-i", str(host.sshd.key_file), "-o", "BatchMode=yes"),
                *("-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=/dev/null"),
                *("-o", f"KnownHostsCommand=/bin/echo %H {kind} {key}"),
            ],
        }
        self.program()

    def program(
        self,
        *,
        provider: dict[str, Any] | None = None,
        network: dict[str, Any] | None = None,
        image: str = IMAGE,
        replace_on: tuple[str, ...] = (),
        **container: Any,
    ) -> None:
        """The standard program with changes; a None leaves an input out."""
        merged = {**CONTAINER, **container}
        self.stack.spec(
            provider={**self._provider, **(provider or {})},
            network={**NETWORK, **(network or {})},
            image=image,
            replace_on=replace_on,
            container={name: value for name, value in merged.items() if value is not None},
        )

    def inspect(self) -> dict[str, Any]:
        """The container as Docker sees it."""
        found: dict[str, Any] = json.loads(self.host.docker("inspect", "newt-tunnel"))[0]
        return found


@pytest.fixture
def nas(tmp_path: Path, docker: DockerHost) -> Iterator[Nas]:
    """A stack that has not been created yet; whatever comes of it is destroyed."""
    made = Nas(tmp_path, docker)
    yield made
    made.program()
    made.stack.pulumi("destroy", "--yes", "--skip-preview")
    assert docker.docker("ps", "--all", "--quiet") == ""


def test_a_container_lives_through_update_and_replacement(nas: Nas) -> None:
    stack = nas.stack
    assert "6 to create" in stack.preview()
    stack.up()
    first = nas.inspect()
    assert first["State"]["Health"]["Status"] == "healthy", "wait waits for it"
    assert first["NetworkSettings"]["Networks"]["newt"]["IPAddress"] == "172.30.0.10"
    assert list(first["NetworkSettings"]["Networks"]) == ["newt"]
    assert first["HostConfig"]["CapDrop"] == ["ALL"]
    stack.preview("--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    stack.preview("--expect-no-changes")

    nas.program(memory=64, memory_swap=64, restart="always")
    shown = stack.preview()
    assert "~ memory    : 128 => 64" in shown
    assert "1 to update" in shown
    stack.up()
    second = nas.inspect()
    assert second["Id"] == first["Id"]
    assert second["HostConfig"]["Memory"] == 64 << 20
    assert second["HostConfig"]["RestartPolicy"]["Name"] == "always"

    nas.program(envs=["LOG_LEVEL=DEBUG"], network={"internal": True})
    shown = stack.preview()
    assert '~ [0]: "LOG_LEVEL=INFO" => "LOG_LEVEL=DEBUG"' in shown
    assert "~ internal: false => true" in shown
    assert "2 to replace" in shown
    stack.up()
    assert nas.inspect()["Id"] != first["Id"]
    assert "LOG_LEVEL=DEBUG" in nas.inspect()["Config"]["Env"]

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert "newt" not in nas.host.docker("network", "ls", "--format", "{{.Name}}").split()
    assert nas.host.docker("volume", "ls", "--quiet") == ""
    assert nas.host.docker("images", "--quiet", IMAGE), "keep_locally keeps the image"


def test_some_changes_are_reported_and_never_reach_the_container(nas: Nas) -> None:
    nas.stack.up()
    first = nas.inspect()["Id"]
    longer = {"tests": ["CMD", "/bin/true"], "interval": "2s", "timeout": "5s"}
    mounts = [{"type": "tmpfs", "target": "/elsewhere"}]
    changes: dict[str, Any] = {"healthcheck": longer, "init": True, "mounts": mounts}

    nas.program(**changes)
    assert "1 to update" in nas.stack.preview()
    nas.stack.up()
    untouched = nas.inspect()
    assert untouched["Id"] == first
    assert untouched["Config"]["Healthcheck"]["Interval"] == 10**9
    assert untouched["HostConfig"]["Mounts"][0]["Target"] == "/data"
    nas.stack.preview("--expect-no-changes")

    again: dict[str, Any] = {**changes, "healthcheck": {**longer, "interval": "3s"}}
    nas.program(**again, replace_on=("healthcheck", "init", "mounts", "tmpfs"))
    assert "1 to replace" in nas.stack.preview()
    nas.stack.up()
    assert nas.inspect()["HostConfig"]["Mounts"][0]["Target"] == "/elsewhere"


def test_an_upload_into_a_read_only_container_fails_and_the_container_stays_unstarted(
    nas: Nas,
) -> None:
    nas.program(uploads=[{"file": "/data/secret", "content": "x"}])
    failure = nas.stack.up(status=1)
    assert "Unable to upload volume content" in failure
    assert "container rootfs is marked read-only" in failure
    assert nas.stack.resources()["container"]["initErrors"]

    assert "+networkDatas" in nas.stack.up()
    assert nas.inspect()["State"]["Status"] == "created", "a success that started nothing"
    nas.stack.pulumi("refresh", "--yes", "--skip-preview")
    assert "~ mustRun: false => true" in nas.stack.preview()
    nas.stack.up()
    assert nas.inspect()["State"]["Running"]


def test_a_host_out_of_reach_shows_at_the_update_and_not_in_the_preview(nas: Nas) -> None:
    nas.stack.up()
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICQyIQP98UnXhe96eTCwjjm8E19GJHISLceded1QJPIb"
    options = ["-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=/dev/null"]
    wrong = {"ssh_opts": [*options, "-o", f"KnownHostsCommand=/bin/echo %H {key}"]}
    nas.program(provider=wrong)
    shown = nas.stack.preview()
    assert "1 to update" in shown, "the provider itself"
    nas.program(provider=wrong, memory=64, memory_swap=64)
    failure = nas.stack.up(status=1)
    assert "failed to create Docker client: Error pinging Docker server" in failure
    assert "has exited with exit status 255" in failure
    assert "Host key verification failed" in failure
    nas.program()
    nas.stack.up()  # otherwise the state keeps the provider that reaches nothing


def test_drift_on_the_host_shows_after_a_refresh_only(nas: Nas) -> None:
    nas.stack.up()
    nas.host.docker("update", "--memory", "64m", "--memory-swap", "64m", "newt-tunnel")
    nas.stack.preview("--expect-no-changes")
    shown = nas.stack.preview("--refresh")
    assert "~ memory    : 64 => 128" in shown
    nas.host.docker("rm", "--force", "newt-tunnel")
    nas.stack.pulumi("refresh", "--yes", "--skip-preview")
    assert "1 to create" in nas.stack.preview()
