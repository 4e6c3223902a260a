"""`no-docker-socket` and `no-host-network`: on the recorded program with one property changed, and
on what somebody wrote by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.components.recording import UNKNOWN
from tests.unit.policies.judging import (
    by_hand,
    changed,
    container,
    deployment,
    findings,
    in_values,
    release,
    values_of,
)
from tests.unit.policies.recorder import recorded

CONTAINER = "newt-tunnel-newt-container"
RELEASE = "newt-tunnel-newt-release"
Change = Callable[[dict[str, Any]], object]


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

    (line,) = findings("no-docker-socket", changed("nas-preview", CONTAINER, mount))
    assert line.startswith(f"{CONTAINER}: mounts[2]: /var/run/docker.sock: ")


def bind(source: object) -> Change:
    mount = {"type": "bind", "source": source, "target": "/host"}
    return lambda found: found["mounts"].append(mount)


def host_path(path: str) -> Change:
    volume = {"name": "host", "hostPath": {"path": path}}
    return lambda found: found["values"]["newtInstances"][0]["extraVolumes"].append(volume)


FOLDERS = [
    *("/", "/run", "/run/", "/var/run", "/var", "//run", "/srv/../run", "/run/."),
    *("/run/containerd", "/run/k3s", "/var/run/crio", "/run/podman", "/run/user/1000"),
    *("/run/user", "/run/user/1000/docker", "/proc", "/proc/1", "/proc/1/root/srv"),
]
HARMLESS = [
    *("/srv", "/runner", "/var/lib/newt-egress/credentials", "/run/lock", "/var/log", "/process"),
    *("/run/user/1000/pulse", "/etc/newt", "newt-config", "run", "", UNKNOWN, None),
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_that_holds_a_socket_or_the_machine_is_found(folder: str) -> None:
    (line,) = findings("no-docker-socket", changed("nas-preview", CONTAINER, bind(folder)))
    assert line.startswith(f"{CONTAINER}: mounts[2]: {folder}: with it newt, and Pangolin's")
    data = changed("k3s-home-preview", RELEASE, host_path(folder))
    (line,) = findings("no-docker-socket", data)
    place = "values.newtInstances[0].extraVolumes[1].hostPath.path"
    assert line.startswith(f"{RELEASE}: {place}: {folder}: ")
    for newt in (
        container(volumes=[{"hostPath": folder, "containerPath": "/host"}]),
        deployment(volumes=[{"name": "host", "hostPath": {"path": folder}}]),
    ):
        assert len(findings("no-docker-socket", [newt])) == 1


@pytest.mark.parametrize("folder", HARMLESS)
def test_a_folder_that_holds_neither_is_left_alone(folder: Any) -> None:
    for name, resource, change in (
        ("nas-update", CONTAINER, bind(folder)),
        ("k3s-home-update", RELEASE, host_path(folder)),
    ):
        assert findings("no-docker-socket", changed(name, resource, change)) == []


def test_a_folder_inside_the_container_may_have_any_name() -> None:
    newt = deployment(
        newt={"volumeMounts": [{"name": "tmp", "mountPath": "/run"}]},
        volumes=[{"name": "tmp", "emptyDir": {}}],
    )
    assert findings("no-docker-socket", [newt]) == []
    mount = {"type": "volume", "source": "newt-config", "target": "/var/run"}
    assert findings("no-docker-socket", [container(mounts=[mount])]) == []


def test_the_mounts_of_another_container_are_not_seen_and_so_refused() -> None:
    (line,) = findings("no-docker-socket", [container(volumes=[{"fromContainer": "portainer"}])])
    assert line.startswith("bare: volumes[0].fromContainer: whatever portainer mounts: ")


VOLUME = "newt-tunnel-newt-config"


@pytest.mark.parametrize("name", ["nas-preview", "nas-update"])
def test_newts_docker_volume_that_is_such_a_folder_is_found(name: str) -> None:
    def bind_to(folder: object) -> Change:
        options = {"type": "none", "o": "bind", "device": folder}
        return lambda found: found.update(driver="local", driverOpts=options)

    (line,) = findings("no-engine-volume", changed(name, VOLUME, bind_to("/var/run")))
    assert line.startswith(f"{VOLUME}: driverOpts.device: /var/run: {CONTAINER} mounts it")
    assert findings("no-engine-volume", changed(name, VOLUME, bind_to("/srv/newt"))) == []
    other = by_hand("docker:index/volume:Volume", {"name": "x", "driverOpts": {"device": "/run"}})
    assert findings("no-engine-volume", [*recorded(name), other]) == [], "not newt's"


def test_a_volume_that_is_such_a_folder_by_the_mounts_own_options_is_found() -> None:
    def mount(device: str) -> dict[str, Any]:
        options = {"driverName": "local", "driverOptions": {"o": "bind", "device": device}}
        given = {"type": "volume", "source": "x", "target": "/x", "volumeOptions": options}
        return container(mounts=[given])

    (line,) = findings("no-docker-socket", [mount("/run")])
    assert line.startswith("bare: mounts[0]: /run: ")
    assert findings("no-docker-socket", [mount("/srv")]) == []


@pytest.mark.parametrize("name", ["k3s-home-preview", "k3s-home-update"])
@pytest.mark.parametrize("bound", [{"claimRef": {"name": "newt-config"}}, {}])
@pytest.mark.parametrize("kind", ["hostPath", "local"])
def test_newts_persistent_volume_that_is_such_a_folder_is_found(
    name: str, bound: dict[str, Any], kind: str
) -> None:
    def on(folder: str, metadata: str = "folder") -> dict[str, Any]:
        properties = {"metadata": {"name": metadata}, "spec": {kind: {"path": folder}, **bound}}
        return by_hand("kubernetes:core/v1:PersistentVolume", properties)

    data = changed(name, VOLUME, lambda found: found["spec"].update(volumeName="folder"))
    (line,) = findings("no-engine-volume", [*data, on("/run")])
    assert line.startswith(f"bare: spec.{kind}.path: /run: {RELEASE} mounts it")
    assert findings("no-engine-volume", [*data, on("/srv/newt")]) == []
    if not bound:
        assert findings("no-engine-volume", [*data, on("/run", "other")]) == []


ADDRESS = "tcp://proxy:2375"


@pytest.mark.parametrize(
    ("newt", "place"),
    [
        (
            deployment(newt={"env": [{"name": "DOCKER_SOCKET", "value": ADDRESS}]}),
            f"spec.template.spec.containers[0].env.DOCKER_SOCKET: {ADDRESS}",
        ),
        (
            deployment(
                newt={"env": [{"name": "DOCKER_SOCKET", "valueFrom": {"configMapKeyRef": 1}}]}
            ),
            "spec.template.spec.containers[0].env.DOCKER_SOCKET: from elsewhere",
        ),
        (
            deployment(newt={"args": ["--docker-socket", ADDRESS]}),
            "spec.template.spec.containers[0].args: --docker-socket",
        ),
        (
            deployment(newt={"command": ["sh", "-c", f"newt --docker-socket={ADDRESS}"]}),
            "spec.template.spec.containers[0].command: --docker-socket",
        ),
        (container(command=[f"--docker-socket={ADDRESS}"]), "command: --docker-socket"),
        (
            release(values=values_of(extraContainers=[{"args": ["--docker-socket", ADDRESS]}])),
            "values.newtInstances[0].extraContainers[0].args[0]: --docker-socket",
        ),
    ],
)
def test_an_engine_at_an_address_is_found(newt: dict[str, Any], place: str) -> None:
    (line,) = findings("no-docker-socket", [newt])
    assert line.startswith(f"bare: {place}: with it newt")


@pytest.mark.parametrize("name", ["k3s-home-preview", "k3s-home-update"])
@pytest.mark.parametrize(
    ("change", "place"),
    [
        (
            in_values("newtInstances", 0, "extraEnv", DOCKER_SOCKET=ADDRESS),
            f"values.newtInstances[0].extraEnv.DOCKER_SOCKET: {ADDRESS}",
        ),
        (
            in_values("newtInstances", 0, env=[{"name": "DOCKER_SOCKET", "value": ADDRESS}]),
            f"values.newtInstances[0].env[0].value: {ADDRESS}",
        ),
        # The chart has a path for it.
        (
            in_values("newtInstances", 0, dockerSocket={"enabled": True}),
            "values.newtInstances[0].dockerSocket.enabled: true",
        ),
    ],
)
def test_the_recorded_release_with_an_engine_is_found(
    name: str, change: Change, place: str
) -> None:
    (line,) = findings("no-docker-socket", changed(name, RELEASE, change))
    assert line.startswith(f"{RELEASE}: {place}: with it newt")


@pytest.mark.parametrize(
    "change",
    [
        in_values("newtInstances", 0, dockerSocket={"enabled": False}),
        in_values("newtInstances", 0, "extraEnv", DOCKER_SOCKET=""),
        in_values("newtInstances", 0, env=[{"name": "DOCKER_SOCKET", "value": ""}]),
    ],
)
def test_the_recorded_release_with_the_engine_turned_off_is_left_alone(change: Change) -> None:
    assert findings("no-docker-socket", changed("k3s-home-update", RELEASE, change)) == []


@pytest.mark.parametrize(
    ("newt", "place"),
    [
        (container(networkMode="host"), "networkMode: host"),
        (container(pidMode="host"), "pidMode: host"),
        (container(usernsMode="host"), "usernsMode: host"),
        (deployment(hostPID=True), "spec.template.spec.hostPID: true"),
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
        ("nas-update", CONTAINER, lambda found: found.update(networkMode="host")),
        ("k3s-home-preview", RELEASE, in_values("global", hostNetwork=True)),
    ],
)
def test_the_recorded_newt_on_the_machines_network_is_found(
    name: str, resource: str, change: Change
) -> None:
    assert len(findings("no-host-network", changed(name, resource, change))) == 1


NATIVE = "the chart makes newt's container privileged"


@pytest.mark.parametrize("name", ["k3s-home-preview", "k3s-home-update"])
@pytest.mark.parametrize(
    ("change", "place"),
    [
        (
            in_values("newtInstances", 0, useNativeInterface=True),
            "values.newtInstances[0].useNativeInterface",
        ),
        (
            in_values("newtInstances", 0, useNativeInterface="false"),
            "values.newtInstances[0].useNativeInterface",
        ),
        (in_values("global", nativeMode={"enabled": True}), "values.global.nativeMode.enabled"),
    ],
)
def test_the_charts_native_mode_is_found_because_it_renders_a_privileged_pod(
    name: str, change: Change, place: str
) -> None:
    (line,) = findings("no-host-network", changed(name, RELEASE, change))
    assert line.startswith(f"{RELEASE}: {place}: {NATIVE}: newt would be the machine itself")


@pytest.mark.parametrize(
    "change",
    [
        in_values("newtInstances", 0, useNativeInterface=False),
        in_values("global", nativeMode={"enabled": False}),
        lambda found: found["values"]["newtInstances"].append(
            {"name": "off", "enabled": False, "useNativeInterface": True}
        ),
    ],
)
def test_the_charts_native_mode_turned_off_is_left_alone(change: Change) -> None:
    assert findings("no-host-network", changed("k3s-home-update", RELEASE, change)) == []


def test_the_global_values_of_a_chart_that_includes_newts_come_on_top() -> None:
    values = {"newt": values_of(), "global": {"nativeMode": {"enabled": True}}}
    (line,) = findings("no-host-network", [release(chart="home", values=values)])
    assert line.startswith(f"bare: values.global.nativeMode.enabled: {NATIVE}: ")


@pytest.mark.parametrize("rule", ["no-docker-socket", "no-host-network", "no-plain-secret"])
def test_other_containers_and_unknown_values_are_left_alone(rule: str) -> None:
    socket = [{"hostPath": "/var/run/docker.sock"}]
    portainer = container(image="portainer/portainer:2", volumes=socket, networkMode="host")
    unknown = container(volumes=UNKNOWN, mounts=UNKNOWN, envs=[UNKNOWN], networkMode=UNKNOWN)
    assert findings(rule, [portainer, unknown]) == []
