"""`no-plain-secret` and `no-copied-secret`: on the recorded program with one property changed, and
on what somebody wrote by hand.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.components.nas import NEWT_SECRET, SSH_KEY
from tests.unit.components.recording import UNKNOWN
from tests.unit.policies.judging import (
    SECRET,
    by_hand,
    changed,
    container,
    deployment,
    findings,
    in_values,
    made_by,
    named,
    release,
    values_of,
)
from tests.unit.policies.recorder import recorded

CONTAINER = "newt-tunnel-newt-container"
RELEASE = "newt-tunnel-newt-release"
RULES = "newt-tunnel-firewall-rules"
Change = Callable[[dict[str, Any]], object]


# What a change makes of a recorded resource, and the property that is found.
SECRETS: list[tuple[str, str, Change, str]] = [
    (
        "nas-update",
        CONTAINER,
        lambda found: found["envs"].append(f"NEWT_SECRET={SECRET}"),
        "envs.NEWT_SECRET",
    ),
    (
        "nas-preview",
        CONTAINER,
        lambda found: found.update(command=["--id", "2ix2", "--secret", SECRET]),
        "command",
    ),
    (
        "nas-update",
        RULES,
        lambda found: found.update(create=f"NEWT_SECRET={SECRET} sh -s -- apply x"),
        "create",
    ),
    (
        "nas-update",
        RULES,
        lambda found: found.update(environment={"NEWT_PROVISIONING_KEY": SECRET}),
        "environment.NEWT_PROVISIONING_KEY",
    ),
    (
        "nas-update",
        RULES,
        lambda found: found.update(triggers=["a", f"{SSH_KEY} {SECRET}"]),
        "triggers[1]",
    ),
    (
        "k3s-home-update",
        RELEASE,
        in_values("newtInstances", 0, "auth", secret=SECRET),
        "values.newtInstances[0].auth.secret",
    ),
    (
        "k3s-home-preview",
        RELEASE,
        in_values("newtInstances", 0, "extraEnv", NEWT_SECRET=SECRET),
        "values.newtInstances[0].extraEnv.NEWT_SECRET",
    ),
    (
        "k3s-home-update",
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


# Configuration that others read


def config_map(**data: Any) -> dict[str, Any]:
    return by_hand("kubernetes:core/v1:ConfigMap", {"data": data})


CONFIG = {"endpoint": "https://pangolin.example.com", "id": "2ix2"}
FILE = json.dumps(CONFIG | {"secret": SECRET})


def encoded(content: str) -> str:
    return base64.b64encode(content.encode()).decode()


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (config_map(**{"config.json": FILE}), "data.config.json"),
        (
            config_map(**{"config.json": json.dumps({"id": 1, "secret": SECRET}, indent=1)}),
            "data.config.json",
        ),
        (
            config_map(**{"config.json": FILE.replace("secret", "provisioningKey")}),
            "data.config.json",
        ),
        (config_map(**{"newt.env": f"NEWT_ID=2ix2\nNEWT_SECRET={SECRET}\n"}), "data.newt.env"),
        (config_map(**{"newt.yaml": f"env:\n  SITE_SECRET: '{SECRET}'\n"}), "data.newt.yaml"),
        (config_map(**{"run.sh": f"exec newt --secret {SECRET}"}), "data.run.sh"),
        (config_map(NEWT_PROVISIONING_KEY=SECRET), "data.NEWT_PROVISIONING_KEY"),
        (
            by_hand("kubernetes:core/v1:ConfigMap", {"binaryData": {"config.json": encoded(FILE)}}),
            "binaryData.config.json",
        ),
        (
            by_hand("kubernetes:core/v1:ConfigMapPatch", {"data": {"config.json": FILE}}),
            "data.config.json",
        ),
        (by_hand("docker:index/serviceConfig:ServiceConfig", {"data": encoded(FILE)}), "data"),
        (by_hand("command:local:Command", {"create": f"newt --secret {SECRET}"}), "create"),
        (
            by_hand(
                "docker:index/service:Service",
                {"taskSpec": {"containerSpec": {"env": {"NEWT_SECRET": SECRET}}}},
            ),
            "taskSpec.containerSpec.env.NEWT_SECRET",
        ),
        (
            release(values=values_of(blueprintData=f"NEWT_SECRET={SECRET}")),
            "values.newtInstances[0].blueprintData",
        ),
    ],
)
def test_a_secret_inside_a_text_is_found(config: dict[str, Any], place: str) -> None:
    (line,) = findings("no-plain-secret", [config])
    assert line.startswith(f"bare: {place}: (not shown): ")
    assert SECRET not in line


@pytest.mark.parametrize(
    "config",
    [
        config_map(**{"config.json": json.dumps(CONFIG)}),
        config_map(**{"config.json": json.dumps(CONFIG | {"secret": ""})}),
        config_map(**{"config.json": '{"endpoint": "https://x", "secret": "${NEWT_SECRET}"}'}),
        config_map(**{"newt.env": "NEWT_SECRET=\nNEWT_ID=2ix2\n"}),
        config_map(**{"run.sh": 'exec newt --secret "$NEWT_SECRET"'}),
        config_map(**{"run.sh": "docker build --secret id=npm ."}),
        config_map(**{"app.yaml": "kind: Secret\nsecretName: app"}),
        config_map(blueprint="private-resources:\n  db:\n    destination: 10.0.1.60"),
        config_map(x=UNKNOWN),
        by_hand("kubernetes:core/v1:ConfigMap", {"data": UNKNOWN, "binaryData": {"logo": "AAEC"}}),
        by_hand("docker:index/serviceConfig:ServiceConfig", {"data": encoded(json.dumps(CONFIG))}),
    ],
)
def test_configuration_without_a_secret_is_left_alone(config: dict[str, Any]) -> None:
    assert findings("no-plain-secret", [config]) == []
    assert findings("no-copied-secret", [config]) == []


# The secret itself, under any name


@pytest.mark.parametrize("name", ["k3s-home-preview", "k3s-home-update"])
@pytest.mark.parametrize(
    "content", [NEWT_SECRET, f"x={NEWT_SECRET};", encoded(NEWT_SECRET)], ids=["is", "has", "base64"]
)
def test_a_config_map_with_newts_secret_under_another_name_is_found(
    name: str, content: str
) -> None:
    data = recorded(name)
    config = made_by(config_map(harmless=content), named(data, "newt-tunnel-cluster"))
    assert findings("no-plain-secret", [config]) == []
    (line,) = findings("no-copied-secret", [*data, config])
    assert line.startswith("bare: data.harmless: (not shown): ")
    assert NEWT_SECRET not in line
    assert encoded(NEWT_SECRET) not in line


@pytest.mark.parametrize("name", ["nas-preview", "nas-update"])
@pytest.mark.parametrize(
    ("resource", "change", "place"),
    [
        (CONTAINER, lambda found: found["envs"].append(f"X={NEWT_SECRET}"), "envs[7]"),
        (
            CONTAINER,
            lambda found: found["labels"].append({"label": "x", "value": NEWT_SECRET}),
            "labels[2].value",
        ),
        (
            CONTAINER,
            lambda found: found.update(uploads=[{"file": "/x", "content": NEWT_SECRET}]),
            "uploads[0].content",
        ),
        (RULES, lambda found: found.update(create=f"X={NEWT_SECRET} {found['create']}"), "create"),
        (RULES, lambda found: found.update(environment={"X": NEWT_SECRET}), "environment.X"),
    ],
)
def test_newts_secret_anywhere_else_on_a_docker_host_is_found(
    name: str, resource: str, change: Change, place: str
) -> None:
    (line,) = findings("no-copied-secret", changed(name, resource, change))
    assert line.startswith(f"{resource}: {place}: (not shown): ")
    assert NEWT_SECRET not in line


def test_newts_secret_in_the_values_of_a_chart_is_found_under_any_key() -> None:
    change = in_values("newtInstances", 0, "extraEnv", X=NEWT_SECRET)
    (line,) = findings("no-copied-secret", changed("k3s-home-update", RELEASE, change))
    assert line.startswith(f"{RELEASE}: values.newtInstances[0].extraEnv.X: (not shown): ")


def test_a_secret_that_comes_encoded_is_known_and_a_short_one_is_not_looked_for() -> None:
    def in_cluster(secret: str, content: str) -> list[dict[str, Any]]:
        data = {"NEWT_SECRET": encoded(secret)}
        return [by_hand("kubernetes:core/v1:Secret", {"data": data}), config_map(x=content)]

    assert len(findings("no-copied-secret", in_cluster(SECRET, SECRET))) == 1
    assert findings("no-copied-secret", in_cluster("abc", "abc")) == []


def test_the_secret_may_be_in_more_than_one_secret() -> None:
    data = recorded("k3s-home-update")
    second = by_hand("kubernetes:core/v1:Secret", {"stringData": {"x": NEWT_SECRET}})
    assert findings("no-copied-secret", [*data, second]) == []
