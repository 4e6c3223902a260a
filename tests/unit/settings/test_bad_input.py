"""Wrong stack files: one line per problem, with key, value and remedy, and all of them at once."""

from __future__ import annotations

from typing import Any

import pytest

from newt_tunnel.settings.load import judge
from tests.unit.settings import cluster_bad_input, docker_bad_input
from tests.unit.settings.bad_input import BLOCK, PODS, SERVICE, entry
from tests.unit.settings.example import ABSENT, cluster_problems, problems, problems_on, stack

BY_PLATFORM = {"docker": docker_bad_input.CASES, "kubernetes": cluster_bad_input.CASES}
#: Platform, and a case of it.
CASES = [
    pytest.param(platform, *case, id=f"{platform}: {case[1]}: {case[2]}"[:60])
    for platform, cases in BY_PLATFORM.items()
    for case in cases
]


@pytest.mark.parametrize(("platform", "changes", "key", "value", "remedy"), CASES)
def test_a_wrong_value_is_one_line_with_key_value_and_remedy(
    platform: str, changes: dict[str, Any], key: str, value: str | None, remedy: str
) -> None:
    lines = problems_on(platform, changes)
    assert len(lines) == 1, "\n".join(lines)
    start = f"{key}: " if value is None else f"{key}: {value}: "
    assert lines[0].startswith(start), lines[0]
    assert remedy in lines[0][len(start) :], lines[0]


def test_all_problems_of_a_file_are_reported_together_and_each_once() -> None:
    lines = problems(
        {
            "dns": "none",
            "pangolin": {"endpoint": "https://pangolin.example.com", "ports": ["0/tcp"]},
            "egress": [
                entry(port=0),
                entry(name="printer", host=ABSENT, cidr="10.0.1.200/24"),
                entry(name="b", host="10.0.1.78"),
                entry(name="b", host="10.0.1.79"),
                "homeassistant.lan:8123:tcp",
                entry(name="c", host="172.30.0.7"),
            ],
            "mustNotReach": [entry(name="d", host="10.0.1.78")],
            "docker.hostKey": ABSENT,
            "docker.bridge": "docker0",
            "docker.newtAddress": "172.30.0.1",
            "newt": {"image": "fosrl/newt:latest", "environment": {"NEWT_ID": "x", "MTU": "$(id)"}},
            "proof": "maybe",
            "unknown": 1,
        }
    )
    assert [line.split(": ")[0] for line in lines] == [
        "pangolin.ports[0]",
        "newt.image",
        "newt.environment.NEWT_ID",
        "newt.environment.MTU",
        "proof",
        "egress[0].port",
        "egress[1].cidr",
        "docker.hostKey",
        "docker.newtAddress",
        "docker.bridge",
        "unknown",
        "egress[3].name",
        "pangolin.addresses",
        "egress[4].host",
        "docker.subnet",
        "mustNotReach[0]",
    ]


def test_a_key_that_was_set_without_path_is_explained() -> None:
    _, found = judge({**stack(), "docker.port": "2222"})
    (line,) = map(str, found)
    assert line.startswith("docker.port: is one key with a dot")
    assert "pulumi config rm 'docker.port'" in line
    assert "--path" in line


def test_contradicting_labels_are_no_overlap() -> None:
    never = {**PODS, "name": "never", "labels": {"app": "db"}}
    assert cluster_problems({"egress": [PODS], "mustNotReach": [never]}) == []


def test_all_problems_of_a_clusters_file_are_reported_together() -> None:
    lines = cluster_problems(
        {
            "dns": ["dns.lan"],
            "newt": {"logLevel": "FATAL", "capabilities": ["NET_RAW"]},
            "egress": [
                {**PODS, "namespace": "Web"},
                {**SERVICE, "service": "web"},
                {**BLOCK, "name": "c", "cidr": "0.0.0.0/0"},
                {**PODS, "name": "d", "namespace": "newt-tunnel"},
            ],
            "kubernetes.chart.version": "*",
            "docker": {},
        }
    )
    assert [line.split(": ")[0] for line in lines] == [
        "newt.logLevel",
        "newt.capabilities",
        "dns[0]",
        "egress[0].namespace",
        "egress[1].service",
        "egress[2].cidr",
        "kubernetes.chart.version",
        "docker",
        "egress[3].namespace",
    ]


@pytest.mark.parametrize("platform", BY_PLATFORM)
def test_problems_use_none_of_pydantics_words(platform: str) -> None:
    words = ("pydantic", "Input should", "http://errors", "validation error", "type=")
    for changes, *_ in BY_PLATFORM[platform]:
        for line in problems_on(platform, changes):
            assert not any(word in line for word in words), line


def test_problems_of_a_cluster_do_not_speak_of_docker() -> None:
    for changes, *_ in cluster_bad_input.CASES:
        if changes.keys().isdisjoint({"docker", "platform", "sshPrivateKey"}):
            for line in cluster_problems(changes):
                assert "Docker" not in line, line
                assert "bridge" not in line, line
