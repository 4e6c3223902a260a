"""The Docker types on a real dockerd reached over SSH, without Pulumi's engine around them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standins.docker.provider import Docker
from tests.standins.dockerhost import IMAGE, DockerHost
from tests.standins.resource import Failure, InitFailed, Log, Operation
from tests.standins.values import Properties

pytestmark = pytest.mark.lab
OPERATION = Operation("urn:pulumi:s::p::t::r", Log(None, ""), threading.Event())
CONTAINER: Properties = {
    "name": "one",
    "image": IMAGE,
    "entrypoints": ["/bin/sh"],
    "command": ["-c", "sleep 1000"],
}


class Host:
    """The stand-in, configured for the host under test; remembers what it made."""

    def __init__(self, docker: DockerHost, *options: str) -> None:
        self.provider = Docker()
        self.provider.configure(
            {
                "host": f"ssh://root@127.0.0.1:{docker.sshd.port}",
                "sshOpts": [*options, "-i", str(docker.sshd.key_file), "-o", "BatchMode=yes"],
            }
        )
        self._made: list[tuple[str, str, Properties]] = []

    def create(self, kind: str, program: Properties) -> Properties:
        """The state of a new resource."""
        token = f"docker:index/{kind[0].lower()}{kind[1:]}:{kind}"
        resource = self.provider.resources[token]
        inputs, failures = resource.check(OPERATION, {}, program)
        assert not failures
        try:
            identity, state = resource.create(OPERATION, inputs, preview=False)
        except InitFailed as failed:
            self._made.append((token, failed.identity, failed.outputs))
            raise
        self._made.append((token, identity, state))
        return state

    def clean(self) -> None:
        """Deletes what was made, last first."""
        for token, identity, state in reversed(self._made):
            self.provider.resources[token].delete(OPERATION, identity, state)
        self._made.clear()
        self.provider.close()


@pytest.fixture
def unchecked(
    docker: DockerHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, ...]:
    """Puts an `ssh` on PATH that runs in the host's namespace; options that accept any host."""
    wrapper = tmp_path / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(docker.inside)} /usr/bin/ssh "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")


@pytest.fixture
def host(docker: DockerHost, unchecked: tuple[str, ...]) -> Iterator[Host]:
    """A host that is empty again afterwards."""
    made = Host(docker, *unchecked)
    yield made
    made.clean()
    assert docker.docker("ps", "--all", "--quiet") == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"mounts": [{"type": "bind", "source": "/no/such/path", "target": "/x"}]},
            "bind source path does not exist: /no/such/path",
        ),
        ({"image": "standin/missing:1"}, "unable to pull image standin/missing:1"),
        ({"capabilities": {"adds": ["CAP_ALL"]}}, 'unknown capability: "CAP_ALL"'),
        ({"command": ["-c", ""]}, "values for command may not be empty"),
        ({"cpus": "much"}, "failed to parse much as a rational number"),
        (
            {"healthcheck": {"tests": ["CMD", "x"], "startInterval": "1s"}},
            "requires API version 1.44",
        ),
    ],
    ids=["bind source", "image", "CAP_ALL", "empty argument", "cpus", "start interval"],
)
def test_a_container_that_cannot_be_made_is_not_in_state(
    host: Host, changes: Properties, message: str
) -> None:
    with pytest.raises(Failure) as raised:
        host.create("Container", {**CONTAINER, **changes})
    assert str(raised.value).startswith("1 error occurred:\n\t* ")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entrypoints": ["/no/such/program"]}, "Unable to start container"),
        ({"wait": True}, "the container does not have a healthcheck"),
        (
            {"wait": True, "waitTimeout": 2.0, "healthcheck": {"tests": ["CMD", "/bin/false"]}},
            "container failed to be in healthy state",
        ),
        ({"networksAdvanced": [{"name": "missing"}]}, "network missing not found"),
        ({"uploads": [{"file": "/x"}]}, "must be set"),
        ({"uploads": [{"file": "/x", "source": "/no/file"}]}, "could not read file"),
    ],
    ids=["start", "no health check", "never healthy", "network", "empty upload", "lost upload"],
)
def test_a_container_that_fails_after_it_was_made_stays_in_state(
    host: Host, changes: Properties, message: str
) -> None:
    with pytest.raises(InitFailed) as raised:
        host.create("Container", {**CONTAINER, **changes})
    assert message in raised.value.reasons[0]
    assert raised.value.identity
    assert "networkDatas" not in raised.value.outputs


def test_what_is_asked_for_is_what_docker_makes(host: Host, docker: DockerHost) -> None:
    state = host.create(
        "Container",
        {
            **CONTAINER,
            "capabilities": {"adds": ["net_raw"], "drops": ["all"]},
            "cpus": "0.5",
            "sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"},
            "groupAdds": ["65534"],
            "init": True,
            "hostname": "here",
            "stopTimeout": 3.0,
            "uploads": [{"file": "/etc/motd", "content": "hello", "permissions": "0600"}],
        },
    )
    template = "{{.HostConfig.CapAdd}}{{.HostConfig.CapDrop}}{{.HostConfig.NanoCpus}}"
    template += "{{.HostConfig.Init}}{{.Config.Hostname}}{{.Config.StopTimeout}}"
    found = docker.docker("inspect", "--format", template, "one")
    assert found == "[CAP_NET_RAW][ALL]500000000truehere3"
    assert docker.docker("exec", "one", "cat", "/etc/motd") == "hello"
    assert state["capabilities"] == {"adds": ["net_raw"], "drops": ["all"]}, "as planned"
    assert state["cpus"] == "0.5"


def test_a_network_whose_name_is_taken_is_an_error_and_a_volume_is_adopted(host: Host) -> None:
    host.create("Network", {"name": "taken"})
    with pytest.raises(Failure, match="network with name taken already exists"):
        host.create("Network", {"name": "taken"})
    assert host.create("Volume", {"name": "vol"}) == host.create("Volume", {"name": "vol"})


def test_an_image_is_known_by_tag_and_by_id(host: Host, docker: DockerHost) -> None:
    by_tag = host.create("RemoteImage", {"name": IMAGE, "keepLocally": True})
    identity = docker.docker("images", "--no-trunc", "--quiet", IMAGE)
    assert by_tag["imageId"] == identity
    by_id = host.create("RemoteImage", {"name": identity, "keepLocally": True})
    assert by_id["imageId"] == identity


def test_an_image_that_is_not_kept_loses_its_name(host: Host, docker: DockerHost) -> None:
    docker.docker("tag", IMAGE, "standin/other:1")
    host.create("RemoteImage", {"name": "standin/other:1"})
    host.clean()
    assert docker.docker("images", "--quiet", "standin/other:1") == ""


def test_a_host_that_refuses_is_named_with_what_ssh_said(
    docker: DockerHost, unchecked: tuple[str, ...]
) -> None:
    checked = Host(docker, "-o", "StrictHostKeyChecking=yes", *unchecked)
    with pytest.raises(Failure) as raised:
        checked.create("Volume", {"name": "vol"})
    message = str(raised.value)
    assert "failed to create Docker client: Error pinging Docker server" in message
    assert "has exited with exit status 255" in message
    assert "Host key verification failed" in message
