"""newt on a cluster: what the chart is told, and what it must never be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from newt_tunnel.cluster.pod import GATE
from tests.unit.components.k3s_home import (
    CLAIM,
    CREDENTIALS,
    RELEASE,
    deploy,
    in_cluster,
    instance,
)
from tests.unit.components.recording import Recording

RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "runAsGroup": 65534,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def values(recording: Recording) -> Any:
    return recording.named(RELEASE).inputs["values"]


def release(changes: dict[str, Any]) -> dict[str, Any]:
    return deploy(changes).named(RELEASE).inputs


def _contexts(value: object) -> Iterator[Any]:
    """Every container's security context, wherever it stands."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "securityContext" and "fsGroup" not in item:
                yield item
            yield from _contexts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _contexts(item)


# --- confinement -----------------------------------------------------------------------------


def test_every_container_of_the_stack_is_under_the_full_restricted_set(
    k3s_home: Recording,
) -> None:
    found = [context for one in in_cluster(k3s_home) for context in _contexts(one.inputs)]
    assert len(found) == 4, "newt, its gate, the proof and its control"
    assert all(context == RESTRICTED for context in found), (
        "without the seccomp profile Pod Security refuses the pod"
    )


def test_newts_pod_may_write_to_its_volume(k3s_home: Recording) -> None:
    assert values(k3s_home)["global"]["podSecurityContext"] == {"fsGroup": 65534}


def test_newt_gets_no_token_and_no_role(k3s_home: Recording) -> None:
    assert values(k3s_home)["serviceAccount"]["automountServiceAccountToken"] is False
    assert values(k3s_home)["rbac"] == {"create": False}


def test_the_charts_own_policy_is_off_everywhere(k3s_home: Recording) -> None:
    assert values(k3s_home)["global"]["networkPolicy"] == {"enabled": False}
    assert instance(k3s_home)["networkPolicy"] == {"enabled": False}, "policies only add access"


@pytest.mark.parametrize("clients", [False, True])
def test_the_charts_service_is_off_in_either_mode(clients: bool) -> None:
    found = instance(deploy({"newt.clients": clients}))
    assert found["service"] == {"enabled": False, "enabledWhenAcceptClients": False}
    assert found["disableClients"] is not clients
    assert found["acceptClients"] is clients


def test_ssh_is_off_unless_it_is_asked_for(k3s_home: Recording) -> None:
    assert instance(k3s_home)["extraEnv"]["DISABLE_SSH"] == "true"
    assert instance(deploy({"newt.ssh": True}))["extraEnv"]["DISABLE_SSH"] == "false"


def test_newt_does_not_replace_its_own_program(k3s_home: Recording) -> None:
    assert instance(k3s_home)["extraEnv"]["NEWT_SYSTEM_SUBSTRATE"] == "CONTAINER"


#: Every value that is set, and nothing besides: each of the others would have to be argued for.
GLOBAL = {
    *("image", "securityContext", "podSecurityContext", "podAnnotations", "health", "logLevel"),
    *("resources", "networkPolicy"),
}
INSTANCE = {
    *("name", "enabled", "replicas", "auth", "networkPolicy", "service", "disableClients"),
    *("acceptClients", "configPersistence", "extraEnv", "extraVolumes", "extraVolumeMounts"),
    "initContainers",
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"newt.clients": True, "newt.ssh": True, "newt.environment": {"MTU": 1280}},
        {"kubernetes.storage.enabled": False, "proof": "off", "dns": "any"},
    ],
)
def test_the_chart_is_told_nothing_that_is_not_on_this_list(changes: dict[str, Any]) -> None:
    """No host network, privileges, inline secret, Docker socket or override among them."""
    recording = deploy(changes)
    assert set(values(recording)) == {"global", "serviceAccount", "rbac", "newtInstances"}
    assert set(values(recording)["global"]) == GLOBAL
    assert set(instance(recording)) == INSTANCE


# --- the gate --------------------------------------------------------------------------------


def test_newt_starts_behind_the_gate_alone(k3s_home: Recording) -> None:
    (gate,) = instance(k3s_home)["initContainers"]
    assert gate["name"] == "newt-gate"
    assert gate["command"] == ["/bin/sh", "-c", GATE]
    assert gate["image"] == "fosrl/newt:1.16.0"


def test_the_gate_waits_for_pangolin_and_for_a_canary_that_newt_may_never_reach() -> None:
    addresses = {"pangolin.addresses": ["203.0.113.11", "203.0.113.10"]}
    (gate,) = instance(deploy(addresses))["initContainers"]
    assert {one["name"]: one["value"] for one in gate["env"]} == {
        "PANGOLIN": "203.0.113.10,443 203.0.113.11,443",
        "CANARY": "10.43.0.10,9153",
    }


def test_the_gate_asks_the_endpoint_and_no_node_where_nothing_may_listen_on_its_port() -> None:
    (gate,) = instance(deploy({"pangolin.nodes": ["203.0.113.20", "203.0.113.21"]}))[
        "initContainers"
    ]
    assert {"name": "PANGOLIN", "value": "203.0.113.10,443"} in gate["env"]


def test_another_canary_can_be_named() -> None:
    changes = {"kubernetes.gateCanary": "monitoring/grafana:3000"}
    (gate,) = instance(deploy(changes))["initContainers"]
    assert {"name": "CANARY", "value": "10.43.0.40,3000"} in gate["env"]


# --- what it is made of ----------------------------------------------------------------------


def test_the_release_and_the_instance_are_called_what_selectors_and_documents_call_them(
    k3s_home: Recording,
) -> None:
    assert k3s_home.named(RELEASE).inputs["name"] == "newt"
    assert instance(k3s_home)["name"] == "newt"
    assert instance(k3s_home)["enabled"] is True, "otherwise nothing is rendered, silently"
    assert instance(k3s_home)["replicas"] == 1, "one newt per site"


def test_credentials_are_given_by_reference_only(k3s_home: Recording) -> None:
    assert instance(k3s_home)["auth"] == {
        "existingSecretName": f"{CREDENTIALS}-1a2b3c4d",
        "createSecret": False,
        "keys": {
            "endpointKey": "PANGOLIN_ENDPOINT",
            "idKey": "NEWT_ID",
            "secretKey": "NEWT_SECRET",
        },
    }


def test_the_secret_is_named_anew_with_its_content(k3s_home: Recording) -> None:
    assert "name" not in k3s_home.named(CREDENTIALS).inputs["metadata"], (
        "under a fixed name a changed secret would roll no pod"
    )


@pytest.mark.parametrize(
    ("image", "spelled"),
    [
        ("fosrl/newt:1.16.0", ("docker.io", "fosrl/newt", "1.16.0", "")),
        ("newt:1", ("docker.io", "newt", "1", "")),
        ("ghcr.io/fosrl/newt:1.16.0", ("ghcr.io", "fosrl/newt", "1.16.0", "")),
        ("localhost:5000/newt:1", ("localhost:5000", "newt", "1", "")),
        (
            f"fosrl/newt:1.16.0@sha256:{'a' * 64}",
            ("docker.io", "fosrl/newt", "1.16.0", f"sha256:{'a' * 64}"),
        ),
    ],
)
def test_the_image_is_pinned_as_the_chart_spells_it(
    image: str, spelled: tuple[str, str, str, str]
) -> None:
    found = release({"newt.image": image})["values"]["global"]["image"]
    assert (found["registry"], found["repository"], found["tag"], found["digest"]) == spelled


@pytest.mark.parametrize(
    ("repository", "chart", "options"),
    [
        ("https://charts.example.com", "newt", {"repo": "https://charts.example.com"}),
        ("oci://ghcr.io/fosrl/helm-charts", "oci://ghcr.io/fosrl/helm-charts/newt", None),
        ("./charts/newt", "./charts/newt", None),
    ],
)
def test_the_chart_is_pinned_wherever_it_comes_from(
    repository: str, chart: str, options: dict[str, str] | None
) -> None:
    inputs = release({"kubernetes.chart.repository": repository})
    assert (inputs["chart"], inputs["version"]) == (chart, "1.5.0")
    assert inputs.get("repositoryOpts") == options


def test_newts_volume_is_mounted_where_the_chart_keeps_its_configuration(
    k3s_home: Recording,
) -> None:
    claim = k3s_home.named(CLAIM).inputs
    assert claim["metadata"]["name"] == instance(k3s_home)["configPersistence"]["existingClaim"]
    assert claim["spec"]["resources"] == {"requests": {"storage": "64Mi"}}
    assert claim["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}, (
        "it waits for newt, and newt for the release"
    )


def test_a_volume_may_be_of_a_class_or_not_be_there() -> None:
    recording = deploy({"kubernetes.storage.class": "fast", "kubernetes.storage.size": "1Gi"})
    assert recording.named(CLAIM).inputs["spec"]["storageClassName"] == "fast"
    without = deploy({"kubernetes.storage.enabled": False})
    assert CLAIM not in {one.name for one in without.resources}
    assert instance(without)["configPersistence"] == {"enabled": False}


def test_limits_health_and_log_level_are_those_of_the_stack_file() -> None:
    found = release(
        {
            "newt.resources": {"memory": 256, "cpus": 0.5},
            "newt.health": False,
            "newt.logLevel": "debug",
            "newt.environment": {"MTU": "1280"},
            "newt.unknownEnvironment": {"NEWT_NEW": "x"},
        }
    )["values"]
    assert found["global"]["resources"]["limits"] == {
        "memory": "256Mi",
        "cpu": "500m",
        "ephemeral-storage": "256Mi",
    }
    assert found["global"]["resources"]["requests"]["memory"] == "256Mi"
    assert found["global"]["health"] == {"enabled": False}
    assert found["global"]["logLevel"] == "DEBUG"
    extra = found["newtInstances"][0]["extraEnv"]
    assert (extra["MTU"], extra["NEWT_NEW"]) == ("1280", "x")
