"""The inputs of the Docker types: names as in the SDK, defaults, refusals; the provider's own."""

import inspect
import re
import threading

import pulumi_docker
import pytest

from tests.standins.docker import planning
from tests.standins.docker.durations import format_duration, parse_duration
from tests.standins.docker.engine_api import DockerError, ssh_command
from tests.standins.docker.provider import Docker
from tests.standins.docker.schema import CONTAINER, IMAGE, NETWORK, VOLUME, Attr, Schema
from tests.standins.resource import Log, Operation
from tests.standins.values import UNKNOWN, Properties

TYPES = {
    pulumi_docker.Container: CONTAINER,
    pulumi_docker.Network: NETWORK,
    pulumi_docker.RemoteImage: IMAGE,
    pulumi_docker.Volume: VOLUME,
}
MINIMAL: Properties = {"name": "n", "image": "i"}


def camel(name: str) -> str:
    return re.sub("_([a-z0-9])", lambda match: match.group(1).upper(), name)


@pytest.mark.parametrize(
    ("resource", "schema"), TYPES.items(), ids=lambda it: getattr(it, "__name__", "")
)
def test_the_inputs_are_those_of_the_sdk(resource: type, schema: Schema) -> None:
    parameters = inspect.signature(vars(resource)["_internal_init"]).parameters
    sdk = {camel(name) for name in parameters} - {"self", "resourceName", "opts", "_Self_"}
    ours = {name for name, attr in schema.items() if not attr.output}
    assert {name for name in sdk if not name.startswith("_")} == ours


def test_defaults_that_are_false_or_empty_are_not_written_into_the_inputs() -> None:
    inputs, failures = planning.check(CONTAINER, MINIMAL, "c")
    assert not failures
    assert inputs.pop(planning.DEFAULTS) == sorted(inputs.keys() - MINIMAL.keys())
    assert inputs == {
        **MINIMAL,
        "containerReadRefreshTimeoutMilliseconds": 15000,
        "mustRun": True,
        "networkMode": "bridge",
        "removeVolumes": True,
        "restart": "no",
        "start": True,
        "waitTimeout": 60,
    }


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"image": "i"}, "makes up no names"),
        ({"restart": "sometimes"}, "doesn't match the pattern"),
        ({"memory": -1.0}, "cannot be lower than 0"),
        ({"memorySwap": -2.0}, "cannot be lower than -1"),
        ({"healthcheck": {"tests": ["x"], "interval": "soon"}}, "is not a valid duration"),
        ({"mounts": [{"type": "nfs", "target": "/t"}]}, "Examine values at 'c.mounts[0].type'"),
        ({"mounts": [{"type": "bind"}]}, "'target' is required"),
        ({"env": ["A=1"]}, "Invalid or unknown key. Examine values at 'c.env'"),
        ({"envs": "A=1"}, "a set is wanted"),
        ({"networkDatas": []}, "Invalid or unknown key"),
        ({"gpus": "all"}, "has no gpus"),
        ({"ports": [{"internal": 1.0}]}, "has no ports"),
        ({"platform": "linux/amd64"}, "has no platform"),
        ({"attach": True}, "does not attach"),
        ({"mounts": [{"type": "volume", "target": "/t", "volumeOptions": {}}]}, "volumeOptions"),
    ],
)
def test_wrong_and_unimplemented_inputs_are_refused_by_name(
    inputs: Properties, reason: str
) -> None:
    program = inputs if "image" in inputs else {**MINIMAL, **inputs}
    resource = Docker().resources["docker:index/container:Container"]
    operation = Operation("urn:pulumi:s::p::t::c", Log(None, ""), threading.Event())
    _, failures = resource.check(operation, {}, program)
    assert len(failures) == 1
    assert reason in failures[0].reason


def test_the_providers_options_are_refused_unless_implemented() -> None:
    host = "ssh://root@10.0.1.10:22"
    news: Properties = {"host": host, "sshOpts": '["-o", "KnownHostsCommand=/bin/echo %H <k>"]'}
    inputs, failures = Docker().check_config({**news, "version": "5.1.0"})
    assert not failures
    assert inputs["sshOpts"] == r'["-o","KnownHostsCommand=/bin/echo %H \u003ck\u003e"]'
    for name in ("registryAuth", "context", "certPath", "caMaterial"):
        (failure,) = Docker().check_config({"host": host, name: "x"})[1]
        assert name in failure.reason
    (failure,) = Docker().check_config({"host": "unix:///var/run/docker.sock"})[1]
    assert "ssh:// hosts only" in failure.reason
    assert not Docker().check_config({"host": UNKNOWN})[1], "a preview may not know the host"


def test_the_ssh_command_is_the_one_of_dockers_own_client() -> None:
    command = ssh_command("ssh://root@10.0.1.10:2222", ["-i", "/key"])
    assert command == [
        *("ssh", "-i", "/key", "-o ConnectTimeout=30", "-T", "-l", "root", "-p", "2222"),
        *("--", "10.0.1.10", "docker", "system", "dial-stdio"),
    ]
    chosen = ssh_command("ssh://nas/run/user/1000/docker.sock", ["-o", "ConnectTimeout=5", "-T"])
    assert chosen == [
        *("ssh", "-o", "ConnectTimeout=5", "-T", "--", "nas", "docker"),
        *("--host=unix:///run/user/1000/docker.sock", "system", "dial-stdio"),
    ]


@pytest.mark.parametrize(
    "host", ["tcp://10.0.1.10:2375", "ssh://", "ssh://root:pw@nas", "ssh://nas?x"]
)
def test_a_host_that_dockers_client_or_the_stand_in_refuses_is_an_error(host: str) -> None:
    with pytest.raises(DockerError, match="invalid provider host"):
        ssh_command(host, [])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("30s", "30s"),
        ("60s", "1m0s"),
        ("1h", "1h0m0s"),
        ("1.5s", "1.5s"),
        ("100ms", "100ms"),
        ("0s", "0s"),
        ("0", "0s"),
        ("1m30s", "1m30s"),
    ],
)
def test_durations_read_and_print_as_in_go(text: str, shown: str) -> None:
    nanoseconds = parse_duration(text)
    assert nanoseconds is not None
    assert format_duration(nanoseconds) == shown


@pytest.mark.parametrize("text", ["", "5", "s", "1 s", "1d"])
def test_what_go_would_not_read_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


def test_planning_the_same_program_again_changes_nothing() -> None:
    attr = Attr("string", computed=True)
    prior: Properties = {"a": "host's choice"}
    assert planning.plan({"a": attr}, prior, {}) is prior
