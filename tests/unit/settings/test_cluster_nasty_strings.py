"""No string of a cluster's stack file can carry what a rule, a chart or a shell acts on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from settings.load import judge
from settings.stack import KubernetesSettings
from settings.table import rows
from tests.unit.settings.example import cluster_problems, cluster_stack
from tests.unit.settings.test_nasty_strings import JSON, NASTY
from tests.unit.settings.test_nasty_strings import PLACES as DOCKER_PLACES

PODS = {"name": "web", "namespace": "web", "labels": {"app": "web"}, "port": 8080}


def entry(**keys: Any) -> dict[str, Any]:
    whole = {**PODS, **keys}
    if not whole.keys().isdisjoint({"host", "cidr", "service"}):
        whole = {key: value for key, value in whole.items() if key not in ("namespace", "labels")}
    return {"egress": [whole]}


PLACES: dict[str, Any] = {
    **{
        key: place
        for key, place in DOCKER_PLACES.items()
        if not key.startswith(("docker.", "egress[]", "newt.capabilities", "reasons.capabilities"))
    },
    **{
        f"egress[].{key}": lambda text, key=key: entry(**{key: text})
        for key in ("name", "service", "namespace", "labels", "host", "cidr", "port", "protocol")
    },
    "egress[].wide": lambda text: entry(cidr="10.0.7.0/24", wide=text),
    "egress[].reason": lambda text: entry(reason=text),
    **{
        f"kubernetes.{key}": lambda text, key=key: {f"kubernetes.{key}": text}
        for key in (
            *("context", "namespace", "chart.repository", "chart.name", "chart.version"),
            *("storage.size", "storage.class", "storage.enabled", "clusterDns.namespace"),
            *("clusterDns.labels", "clusterDns.port", "gateCanary", "acceptNodeAccess"),
        )
    },
}


def test_every_option_of_the_table_is_attacked() -> None:
    assert set(PLACES) == {row.key for row in rows(KubernetesSettings) if row.type != "secret"}


@pytest.mark.parametrize("place", PLACES)
def test_a_nasty_string_is_refused_on_one_harmless_line(place: str) -> None:
    for text in NASTY:
        lines = cluster_problems(PLACES[place](text))
        assert len(lines) == 1, f"{text!r}: {lines}"
        assert lines[0].isascii()
        assert lines[0].isprintable()


@pytest.mark.parametrize("text", NASTY)
def test_a_nasty_label_is_refused_on_one_harmless_line(text: str) -> None:
    for labels in ({text: "web"}, {"app": text}, {f"a.example/{text}": "b"}, {f"{text}/a": "b"}):
        (line,) = cluster_problems(entry(labels=labels))
        assert line.isascii()
        assert line.isprintable()


@pytest.mark.parametrize("part", ["{}:80", "monitoring/{}:80", "{}/grafana:80", "10.0.0.1:{}"])
def test_a_nasty_part_of_a_canary_or_a_service_is_refused(part: str) -> None:
    for text in NASTY:
        assert len(cluster_problems({"kubernetes.gateCanary": part.format(text)})) == 1
        assert len(cluster_problems(entry(service=part.format(text)))) == 1


@pytest.mark.parametrize("part", ["https://{}", "oci://a/{}", "./{}", "https://a.example/{}"])
def test_a_nasty_part_of_a_repository_is_refused(part: str) -> None:
    for text in NASTY:
        # A user's home folder is one thing in a URL and another in a shell; here it is a URL.
        if "~" not in text or part == "./{}":
            assert len(cluster_problems({"kubernetes.chart.repository": part.format(text)})) == 1


@pytest.mark.parametrize(
    ("place", "good"),
    [
        ("kubernetes.context", "k3s-home"),
        ("kubernetes.namespace", "newt"),
        ("kubernetes.chart.version", "1.5.0"),
        ("kubernetes.chart.repository", "https://charts.fossorial.io"),
        ("kubernetes.gateCanary", "10.43.0.10:9153"),
        ("kubernetes.storage.size", "64Mi"),
        ("egress[].service", "web/web"),
        ("egress[].namespace", "web"),
        ("egress[].cidr", "10.0.7.0/24"),
        ("egress[].host", "fd00::7"),
        ("egress[].port", "http"),
        ("egress[].name", "web"),
        ("dns", "169.254.20.10"),
    ],
)
def test_a_good_value_with_a_line_break_after_it_is_refused(place: str, good: str) -> None:
    if place != "egress[].port":
        assert cluster_problems(PLACES[place](good)) == []
    assert len(cluster_problems(PLACES[place](f"{good}\n"))) == 1


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(key=st.sampled_from(sorted(cluster_stack())), value=JSON)
def test_whatever_is_written_is_answered_by_settings_or_by_harmless_lines(
    key: str, value: object
) -> None:
    found, wrong = judge({**cluster_stack(), key: value})
    assert (found is None) == bool(wrong)
    for line in map(str, wrong):
        assert line.isascii()
        assert line.isprintable()
