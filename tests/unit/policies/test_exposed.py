"""`no-plain-secret`, `no-docker-socket` and `no-host-network`: on the recorded program with one
property changed, and on what somebody wrote by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.components.nas import SSH_KEY
from tests.unit.components.recording import UNKNOWN
from tests.unit.policies.judging import (
    SECRET,
    by_hand,
    changed,
    container,
    deployment,
    findings,
    release,
)

CONTAINER = "newt-tunnel-newt-container"
RELEASE = "newt-tunnel-newt-release"
RULES = "newt-tunnel-firewall-rules"
Change = Callable[[dict[str, Any]], object]


def in_values(*path: str | int, **keys: Any) -> Change:
    """Set keys deep in the values of the chart."""

    def change(properties: dict[str, Any]) -> None:
        place = properties["values"]
        for part in path:
            place = place[part]
        place.update(keys)

    return change


def values_of(**instance: Any) -> dict[str, Any]:
    return {"newtInstances": [{"name": "main", "enabled": True, **instance}]}


# What a change makes of a recorded resource, and the property that is found.
SECRETS: list[tuple[str, str, Change, str]] = [
    (
        "nas-update.json",
        CONTAINER,
        lambda found: found["envs"].append(f"NEWT_SECRET={SECRET}"),
        "envs.NEWT_SECRET",
    ),
    (
        "nas-preview.json",
        CONTAINER,
        lambda found: found.update(command=["--id", "2ix2", "--secret", SECRET]),
        "command",
    ),
    (
        "nas-update.json",
        RULES,
        lambda found: found.update(create=f"NEWT_SECRET={SECRET} sh -s -- apply x"),
        "create",
    ),
    (
        "nas-update.json",
        RULES,
        lambda found: found.update(environment={"NEWT_PROVISIONING_KEY": SECRET}),
        "environment.NEWT_PROVISIONING_KEY",
    ),
    (
        "nas-update.json",
        RULES,
        lambda found: found.update(triggers=["a", f"{SSH_KEY} {SECRET}"]),
        "triggers[1]",
    ),
    (
        "k3s-home-update.json",
        RELEASE,
        in_values("newtInstances", 0, "auth", secret=SECRET),
        "values.newtInstances[0].auth.secret",
    ),
    (
        "k3s-home-preview.json",
        RELEASE,
        in_values("newtInstances", 0, "extraEnv", NEWT_SECRET=SECRET),
        "values.newtInstances[0].extraEnv.NEWT_SECRET",
    ),
    (
        "k3s-home-update.json",
        RELEASE,
        in_values("newtInstances", 0, env=[{"name": "NEWT_SECRET", "value": SECRET}]),
        "values.newtInstances[0].env[0].value",
    ),
]


@pytest.mark.parametrize(
    ("name", "resource", "change", "place"),
    [pytest.param(*case, id=f"{case[0]}: {case[3]}") for case in SECRETS],
)
def test_a_secret_that_others_can_read_is_named_by_its_place_and_not_shown(
    name: str, resource: str, change: Change, place: str
) -> None:
    (line,) = findings("no-plain-secret", changed(name, resource, change))
    assert line.startswith(f"{resource}: {place}: (not shown): ")
    assert "pulumi config set --secret newtSecret" in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("newt", "place"),
    [
        (container(envs=[f"NEWT_SECRET={SECRET}"]), "envs.NEWT_SECRET"),
        (container(entrypoints=["newt", f"--secret={SECRET}"]), "entrypoints"),
        (
            deployment(newt={"env": [{"name": "NEWT_SECRET", "value": SECRET}]}),
            "spec.template.spec.containers[0].env.NEWT_SECRET",
        ),
        (
            deployment(newt={"args": ["--secret", SECRET]}),
            "spec.template.spec.containers[0].args",
        ),
        (
            by_hand("kubernetes:core/v1:ConfigMap", {"data": {"NEWT_SECRET": SECRET}}),
            "data.NEWT_SECRET",
        ),
        (
            by_hand("kubernetes:core/v1:ConfigMap", {"data": {"id_ed25519": SSH_KEY + SECRET}}),
            "data.id_ed25519",
        ),
    ],
)
def test_a_secret_in_what_somebody_wrote_by_hand_is_found(newt: dict[str, Any], place: str) -> None:
    (line,) = findings("no-plain-secret", [newt])
    assert line.startswith(f"bare: {place}: (not shown): ")
    assert SECRET not in line


@pytest.mark.parametrize(
    "harmless",
    [
        container(envs=["NEWT_SECRET=", "CONFIG_FILE=/etc/newt/config.json", "TOKENS=3"]),
        container(image="postgres:17", envs=[f"POSTGRES_PASSWORD={SECRET}"]),
        deployment(newt={"env": [{"name": "NEWT_SECRET", "valueFrom": {"secretKeyRef": {}}}]}),
        deployment(newt={"env": [{"name": "NEWT_SECRET", "value": UNKNOWN}]}),
        release(values=values_of(auth={"existingSecretName": "x", "keys": {"secretKey": "S"}})),
        release(values=UNKNOWN),
        by_hand("kubernetes:core/v1:Secret", {"stringData": {"key": SSH_KEY}}),
        by_hand(
            "command:remote:Command", {"connection": {"privateKey": SSH_KEY}, "stdin": SSH_KEY}
        ),
    ],
)
def test_a_secret_where_it_belongs_is_none_of_our_business(harmless: dict[str, Any]) -> None:
    assert findings("no-plain-secret", [harmless]) == []


@pytest.mark.parametrize(
    ("newt", "place"),
    [
        (
            container(mounts=[{"source": "/var/run/docker.sock", "target": "/d", "type": "bind"}]),
            "mounts[0]: /var/run/docker.sock",
        ),
        (
            container(volumes=[{"hostPath": "/run/podman/podman.sock"}]),
            "volumes[0]: /run/podman/podman.sock",
        ),
        (container(volumes=[{"hostPath": "/run/docker"}]), "volumes[0]: /run/docker"),
        (
            container(envs=["DOCKER_SOCKET=tcp://proxy:2375"]),
            "envs.DOCKER_SOCKET: tcp://proxy:2375",
        ),
        (
            deployment(
                volumes=[{"name": "d", "hostPath": {"path": "/run/containerd/containerd.sock"}}]
            ),
            "spec.template.spec.volumes[0].hostPath.path: /run/containerd/containerd.sock",
        ),
        (
            release(values=values_of(dockerSocket={"path": "/var/run/docker.sock"})),
            "values.newtInstances[0].dockerSocket.path: /var/run/docker.sock",
        ),
    ],
)
def test_an_engines_socket_is_found_however_newt_gets_it(newt: dict[str, Any], place: str) -> None:
    (line,) = findings("no-docker-socket", [newt])
    assert line.startswith(f"bare: {place}: with it newt, and Pangolin's server, command")


def test_the_recorded_container_with_the_socket_is_found() -> None:
    def mount(properties: dict[str, Any]) -> None:
        properties["mounts"].append({"type": "bind", "source": "/var/run/docker.sock"})

    (line,) = findings("no-docker-socket", changed("nas-preview.json", CONTAINER, mount))
    assert line.startswith(f"{CONTAINER}: mounts[2]: /var/run/docker.sock: ")


@pytest.mark.parametrize(
    ("newt", "place"),
    [
        (container(networkMode="host"), "networkMode: host"),
        (container(pidMode="host"), "pidMode: host"),
        (container(privileged=True), "privileged: true"),
        (deployment(hostNetwork=True), "spec.template.spec.hostNetwork: true"),
        (
            deployment(newt={"securityContext": {"privileged": True}}),
            "spec.template.spec.containers[0].securityContext.privileged: true",
        ),
        (release(values=values_of(hostNetwork=True)), "values.newtInstances[0].hostNetwork: true"),
    ],
)
def test_a_newt_that_is_part_of_its_machine_is_found(newt: dict[str, Any], place: str) -> None:
    (line,) = findings("no-host-network", [newt])
    assert line.startswith(f"bare: {place}: newt would be the machine itself")


@pytest.mark.parametrize(
    ("name", "resource", "change"),
    [
        ("nas-update.json", CONTAINER, lambda found: found.update(networkMode="host")),
        ("k3s-home-preview.json", RELEASE, in_values("global", hostNetwork=True)),
    ],
)
def test_the_recorded_newt_on_the_machines_network_is_found(
    name: str, resource: str, change: Change
) -> None:
    assert len(findings("no-host-network", changed(name, resource, change))) == 1


@pytest.mark.parametrize("rule", ["no-docker-socket", "no-host-network", "no-plain-secret"])
def test_other_containers_and_unknown_values_are_left_alone(rule: str) -> None:
    socket = [{"hostPath": "/var/run/docker.sock"}]
    portainer = container(image="portainer/portainer:2", volumes=socket, networkMode="host")
    unknown = container(volumes=UNKNOWN, mounts=UNKNOWN, envs=[UNKNOWN], networkMode=UNKNOWN)
    assert findings(rule, [portainer, unknown]) == []
