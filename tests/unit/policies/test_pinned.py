"""`pinned-version` and `image-has-digest`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.components.recording import UNKNOWN
from tests.unit.policies.judging import (
    by_hand,
    changed,
    container,
    deployment,
    findings,
    release,
)
from tests.unit.policies.recorder import as_data, run

IMAGE = "newt-tunnel-newt-image"
RELEASE = "newt-tunnel-newt-release"
DIGEST = "@sha256:" + 64 * "0"


def remote_image(name: object) -> dict[str, Any]:
    return by_hand("docker:index/remoteImage:RemoteImage", {"name": name})


def with_image(**image: str) -> dict[str, Any]:
    return release(values={"global": {"image": image}, "newtInstances": []})


@pytest.mark.parametrize(
    "image",
    [
        *("fosrl/newt", "fosrl/newt:latest", "fosrl/newt:1", "fosrl/newt:1.16", "fosrl/newt:edge"),
        *("newt:v1", "registry.lan:5000/fosrl/newt", "fosrl/pangolin-cli:main"),
    ],
)
def test_an_image_that_moves_is_found_wherever_it_is_named(image: str) -> None:
    for newt in (container(image=image), remote_image(image), deployment(newt={"image": image})):
        (line,) = findings("pinned-version", [newt])
        assert f"image: {image}: names whatever is newest" in line or f"name: {image}: " in line


@pytest.mark.parametrize(
    "image",
    [
        *("fosrl/newt:1.16.0", "fosrl/newt:v1.16.0-rc.1", f"fosrl/newt:latest{DIGEST}"),
        *(f"fosrl/newt{DIGEST}", "registry.lan:5000/newt:build-42", UNKNOWN, "postgres:latest"),
    ],
)
def test_an_image_that_stays_or_is_not_newts_or_not_known_is_left_alone(image: str) -> None:
    for newt in (container(image=image), remote_image(image), deployment(newt={"image": image})):
        assert findings("pinned-version", [newt]) == []


def test_the_recorded_program_with_a_moving_image_is_found() -> None:
    data = changed("nas-preview", IMAGE, lambda found: found.update(name="fosrl/newt:latest"))
    (line,) = findings("pinned-version", data)
    assert line.startswith(f"{IMAGE}: name: fosrl/newt:latest: ")


@pytest.mark.parametrize("version", [None, "", "*", "1", "1.5", "^1.5.0", ">=1.0.0", "latest"])
def test_a_chart_without_an_exact_version_is_found(version: str | None) -> None:
    data = changed("k3s-home-preview", RELEASE, lambda found: found.update(version=version))
    (line,) = findings("pinned-version", data)
    assert line.startswith(f"{RELEASE}: version: {version or '(missing)'}: ")


@pytest.mark.parametrize(
    "properties",
    [
        {"version": "1.5.0"},
        {"version": "1.5.0-rc.1+build"},
        {"version": UNKNOWN},
        {"chart": "oci://ghcr.io/fosrl/helm-charts/newt"},
        {"chart": "./charts/newt", "version": None},
        {"chart": "jellyfin", "version": "*", "values": {}},
    ],
)
def test_a_pinned_chart_and_a_folder_are_left_alone(properties: dict[str, Any]) -> None:
    assert findings("pinned-version", [release(**properties)]) == []


def test_the_image_in_a_charts_values_is_judged_by_its_parts() -> None:
    moving = with_image(repository="fosrl/newt", tag="latest")
    (line,) = findings("pinned-version", [moving])
    assert line.startswith("bare: values.global.image: fosrl/newt:latest: ")
    assert findings("pinned-version", [with_image(tag="latest", digest="sha256:0")]) == []
    assert findings("pinned-version", [with_image(repository="fosrl/newt")]) == [], "the chart's"


@pytest.mark.parametrize(
    "newt", [container(), remote_image("fosrl/newt:1.16.0"), deployment(), with_image(tag="1.16.0")]
)
def test_an_image_without_a_digest_is_advised_against(newt: dict[str, Any]) -> None:
    (line,) = findings("image-has-digest", [newt])
    assert "has no digest: write agent.image with @sha256:..." in line


@pytest.mark.parametrize("stack", ["nas", "k3s-home"])
def test_a_digest_in_the_stack_file_or_a_reason_ends_the_advice(stack: str) -> None:
    for changes in (
        {"newt": {"image": f"fosrl/newt:1.16.0{DIGEST}"}},
        {"reasons": {"image": "the registry is ours"}},
    ):
        assert findings("image-has-digest", as_data(run(stack, changes))) == []
