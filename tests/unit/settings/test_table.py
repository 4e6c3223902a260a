"""Every option is described, typed, and part of the JSON schema."""

from __future__ import annotations

import json
from typing import Any

import pytest

from newt_tunnel.settings.section import Section
from newt_tunnel.settings.stack import AnySettings, KubernetesSettings, Settings
from newt_tunnel.settings.table import rows, rows_by_platform


def sections(of: type[Section] = Section) -> list[type[Section]]:
    found = of.__subclasses__()
    return [*found, *(deeper for section in found for deeper in sections(section))]


def test_every_field_of_every_section_has_a_description_that_is_a_sentence() -> None:
    for section in sections():
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"
            assert field.description.endswith("."), f"{section.__name__}.{name}"


def test_every_option_is_a_row_of_the_table_once() -> None:
    keys = [row.key for row in rows()]
    assert len(set(keys)) == len(keys)
    assert {"docker.hostKey", "egress[].port", "newt.resources.cpus", "newtSecret"} <= set(keys)
    assert all(all(row) for row in rows()), "no cell is empty"


def test_the_table_shows_the_defaults_as_the_stack_file_would_say_them() -> None:
    defaults = {row.key: row.default for row in rows()}
    assert defaults["docker.hostKey"] == "required"
    assert defaults["docker.sudo"] == "false"
    assert defaults["docker.subnet"] == "172.30.0.0/24"
    assert defaults["agent.name"] == "newt"
    assert defaults["egress[].protocol"] == "TCP"
    assert defaults["proof"] == "enforce"
    assert defaults["pangolin.ports"] == "-"


def test_a_key_is_said_to_belong_to_one_platform_or_to_both() -> None:
    found = list(rows_by_platform())
    assert {platform for platform, _ in found} == {"both", "docker", "kubernetes"}
    platforms: dict[str, list[str]] = {}
    for platform, row in found:
        platforms.setdefault(row.key, []).append(platform)
    assert platforms["newtSecret"] == ["both"]
    assert platforms["agent.image"] == ["both"]
    assert platforms["agent.name"] == ["docker", "kubernetes"], "a cluster runs newt only"
    assert platforms["docker.hook"] == ["docker"]
    assert platforms["newt.capabilities"] == ["docker"], "a cluster refuses them"
    assert platforms["newtProvisioningKey"] == ["docker"], "the chart would show it"
    assert platforms["newt.logLevel"] == ["docker", "kubernetes"], "the chart knows fewer"
    assert platforms["newtId"] == ["docker", "kubernetes"], "a cluster needs it"
    assert platforms["kubernetes.chart.version"] == ["kubernetes"]
    assert platforms["kubeconfig"] == ["kubernetes"]
    assert platforms["sshPrivateKey"] == ["docker"]
    assert platforms["dns"] == ["docker", "kubernetes"], "each takes something else"


def test_every_option_of_every_platform_is_a_row() -> None:
    for model in (Settings, KubernetesSettings):
        own = list(rows(model))
        assert len({row.key for row in own}) == len(own)
        assert all(all(row) for row in own), "no cell is empty"
        assert {row for _, row in rows_by_platform()} >= set(own)


def test_the_table_of_a_cluster_shows_its_defaults() -> None:
    defaults = {row.key: row.default for row in rows(KubernetesSettings)}
    assert defaults["dns"] == "cluster"
    assert defaults["kubernetes.namespace"] == "newt-tunnel"
    assert defaults["kubernetes.chart.repository"] == "https://charts.fossorial.io"
    assert defaults["kubernetes.storage.class"] == "-"
    assert defaults["kubernetes.clusterDns.labels"] == '{"k8s-app": "kube-dns"}'
    assert defaults["egress[].wide"] == "false"


@pytest.mark.parametrize("model", [Settings, KubernetesSettings])
def test_every_property_of_the_json_schema_has_a_type_and_a_description(
    model: type[AnySettings],
) -> None:
    schema = model.model_json_schema()
    json.dumps(schema)
    objects = [schema, *schema["$defs"].values()]
    assert len(objects) > 5
    for part in objects:
        assert part["additionalProperties"] is False, part["title"]
        for name, shape in part["properties"].items():
            assert shape.get("description"), f"{part['title']}.{name}"
            assert _is_typed(shape), f"{part['title']}.{name}: {shape}"


def _is_typed(shape: dict[str, Any]) -> bool:
    return bool(shape.keys() & {"type", "$ref", "anyOf", "enum"})
