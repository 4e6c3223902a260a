"""No string of a stack file can carry what a shell, a rule, a chart or a file would act on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from newt_tunnel.settings.load import judge
from newt_tunnel.settings.stack import MODELS
from newt_tunnel.settings.table import rows
from tests.unit.settings.bad_input import HOST, IN_CONTAINER, PODS
from tests.unit.settings.example import HOST_KEY, TREES, cluster_problems, problems, problems_on

NASTY = (
    "$(reboot)",
    "`reboot`",
    "${IFS}",
    "a;reboot",
    "a|b",
    "a&b",
    "a>b",
    "a<b",
    "a'b",
    'a"b',
    "a\\b",
    "a*b",
    "a?b",
    "a~b",
    "a!b",
    "a#b",
    "a(b",
    "a{b}",
    "@{b}",
    "a\nb",
    "a\r\nb",
    "a\tb",
    "a\0b",
    "a\x1b[2J",
    "\u202eb",
    "ä",
    "а",  # noqa: RUF001  # Cyrillic, and that is the point
)


def entry(**keys: Any) -> dict[str, Any]:
    """An entry of a host, or of a block."""
    whole = {**HOST, **keys}
    if "cidr" in keys:
        del whole["host"]
    return {"egress": [whole]}


def cluster_entry(**keys: Any) -> dict[str, Any]:
    """An entry of pods, or of what ``keys`` name."""
    whole = {**PODS, **keys}
    if not keys.keys().isdisjoint({"host", "cidr", "service"}):
        del whole["namespace"], whole["labels"]
    return {"egress": [whole]}


# For every key of the table that can be written as text: the example with that text in it.
ON_DOCKER: dict[str, Any] = {
    "platform": lambda text: {"platform": text},
    "pangolin.endpoint": lambda text: {"pangolin.endpoint": f"https://{text}"},
    "pangolin.addresses": lambda text: {"pangolin.addresses": [text]},
    "pangolin.nodes": lambda text: {"pangolin.nodes": [text]},
    "pangolin.ports": lambda text: {"pangolin.ports": ["443/tcp", text]},
    "newtId": lambda text: {"newtId": text},
    "agent.name": lambda text: {"agent": text},
    "agent.image": lambda text: {"agent": {"image": f"fosrl/newt:{text}"}},
    "newt.image": lambda text: {"newt.image": f"fosrl/newt:{text}"},
    "newt.logLevel": lambda text: {"newt.logLevel": text},
    "newt.health": lambda text: {"newt.health": text},
    "newt.resources.memory": lambda text: {"newt": {"resources": {"memory": text}}},
    "newt.resources.cpus": lambda text: {"newt": {"resources": {"cpus": text}}},
    "newt.environment": lambda text: {"newt.environment": {"MTU": text}},
    "newt.unknownEnvironment": lambda text: {"newt.unknownEnvironment": {"A": text}},
    "newt.capabilities": lambda text: {"newt.capabilities": [text]},
    "newt.clients": lambda text: {"newt.clients": text},
    "newt.ssh": lambda text: {"newt.ssh": text},
    "blueprint.file": lambda text: {"blueprint": text},
    "blueprint.site": lambda text: {"blueprint": {"file": "b.yaml", "site": text}},
    "blueprint.allPorts": lambda text: {"blueprint": {"file": "b.yaml", "allPorts": [text]}},
    "proof": lambda text: {"proof": text},
    "dns": lambda text: {"dns": [text]},
    "egress": lambda text: {"egress": [f"{text}:80:tcp"]},
    **{
        f"egress[].{key}": lambda text, key=key: entry(**{key: text})
        for key in ("name", "host", "cidr", "port", "protocol", "reason")
    },
    **{
        f"reasons.{key}": lambda text, key=key: {f"reasons.{key}": text}
        for key in ("dns", "image", "proof", "capabilities")
    },
    "mustNotReach": lambda text: {"mustNotReach": [f"gitea.lan:{text}:tcp"]},
    "docker.hostKey": lambda text: {"docker.hostKey": f"ssh-ed25519 {text}"},
    **{
        f"docker.{key}": lambda text, key=key: {f"docker.{key}": text}
        for key in (
            *("address", "port", "user", "sudo", "subnet", "newtAddress", "bridge", "instance"),
            *("firewall", "hook", "persistence", "logDrops"),
        )
    },
    **{
        f"docker.services.{key}": lambda text, key=key: {"docker.services": {key: text}}
        for key in ("network", "subnet", "bridge", "attach")
    },
    "egress[].container": lambda text: {"egress": [{**IN_CONTAINER, "container": text}]},
}
IN_A_CLUSTER: dict[str, Any] = {
    **{
        key: place
        for key, place in ON_DOCKER.items()
        if not key.startswith(("docker.", "egress[]", "newt.capabilities", "reasons.capabilities"))
    },
    **{
        f"egress[].{key}": lambda text, key=key: cluster_entry(**{key: text})
        for key in ("name", "service", "namespace", "labels", "host", "cidr", "port", "protocol")
    },
    "egress[].wide": lambda text: cluster_entry(cidr="10.0.7.0/24", wide=text),
    "egress[].reason": lambda text: cluster_entry(reason=text),
    **{
        f"kubernetes.{key}": lambda text, key=key: {f"kubernetes.{key}": text}
        for key in (
            *("context", "namespace", "chart.repository", "chart.name", "chart.version"),
            *("storage.size", "storage.class", "storage.enabled", "clusterDns.namespace"),
            *("clusterDns.labels", "clusterDns.port", "gateCanary", "acceptNodeAccess"),
        )
    },
}

PLACES = {"docker": ON_DOCKER, "kubernetes": IN_A_CLUSTER}
EVERYWHERE = [(platform, place) for platform, places in PLACES.items() for place in places]
# A good value of a place; elsewhere it is 80.
GOOD = {
    "docker": {
        "pangolin.endpoint": "pangolin.example.com",
        "pangolin.addresses": "203.0.113.10",
        "pangolin.nodes": "node.example.com",
        "pangolin.ports": "444/tcp",
        "newt.image": "1.16.0",
        "dns": "10.0.1.53",
        "egress": "gitea.lan",
        "egress[].host": "10.0.1.77",
        "egress[].cidr": "10.0.7.0/24",
        "docker.hostKey": HOST_KEY.removeprefix("ssh-ed25519 "),
        "docker.subnet": "172.30.0.0/24",
        "docker.services.subnet": "172.30.1.0/24",
        "docker.services.network": "newt-services",
        "egress[].container": "gitea",
        "docker.address": "10.0.1.10",
        "docker.newtAddress": "172.30.0.10",
    },
    "kubernetes": {
        "dns": "169.254.20.10",
        "egress[].name": "web",
        "egress[].service": "web/web",
        "egress[].namespace": "web",
        "egress[].host": "fd00::7",
        "egress[].port": "http",
        "egress[].cidr": "10.0.7.0/24",
        "kubernetes.context": "k3s-home",
        "kubernetes.namespace": "newt",
        "kubernetes.chart.version": "1.5.0",
        "kubernetes.chart.repository": "https://charts.fossorial.io",
        "kubernetes.gateCanary": "10.43.0.10:9153",
        "kubernetes.storage.size": "64Mi",
    },
}


def assert_harmless(line: str) -> None:
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize("platform", PLACES)
def test_every_option_of_the_table_is_attacked(platform: str) -> None:
    options = {row.key for row in rows(MODELS[platform]) if row.type != "secret"}
    assert set(PLACES[platform]) == options


@pytest.mark.parametrize(("platform", "place"), EVERYWHERE)
def test_a_nasty_string_is_refused_on_one_harmless_line(platform: str, place: str) -> None:
    for text in NASTY:
        lines = problems_on(platform, PLACES[platform][place](text))
        assert len(lines) == 1, f"{text!r}: {lines}"
        assert_harmless(lines[0])


@pytest.mark.parametrize(("platform", "place"), EVERYWHERE)
def test_a_good_value_with_a_line_break_after_it_is_refused(platform: str, place: str) -> None:
    good = GOOD[platform].get(place, "80")
    assert len(problems_on(platform, PLACES[platform][place](f"{good}\n"))) == 1


@pytest.mark.parametrize(
    ("platform", "place"), [(platform, place) for platform in GOOD for place in GOOD[platform]]
)
def test_a_good_value_alone_is_taken(platform: str, place: str) -> None:
    assert problems_on(platform, PLACES[platform][place](GOOD[platform][place])) == []


@pytest.mark.parametrize("text", [*NASTY, "FOO BAR", "1A", "a"], ids=ascii)
def test_a_nasty_name_of_a_variable_is_refused(text: str) -> None:
    assert len(problems({"newt": {"environment": {text: "x"}}})) == 1


@pytest.mark.parametrize("platform", TREES)
@pytest.mark.parametrize("text", [*NASTY, "[key]", "", "docker.$(x)"], ids=ascii)
def test_a_nasty_unknown_key_is_shown_on_one_harmless_line(platform: str, text: str) -> None:
    tree = TREES[platform]()
    for changed in ({**tree, text: 1}, {**tree, "newt": {text: 1}}):
        _, found = judge(changed)
        (line,) = map(str, found)
        assert_harmless(line)


@pytest.mark.parametrize("text", NASTY)
def test_a_nasty_label_is_refused_on_one_harmless_line(text: str) -> None:
    for labels in ({text: "web"}, {"app": text}, {f"a.example/{text}": "b"}, {f"{text}/a": "b"}):
        (line,) = cluster_problems(cluster_entry(labels=labels))
        assert_harmless(line)


@pytest.mark.parametrize("part", ["{}:80", "monitoring/{}:80", "{}/grafana:80", "10.0.0.1:{}"])
def test_a_nasty_part_of_a_canary_or_a_service_is_refused(part: str) -> None:
    for text in NASTY:
        assert len(cluster_problems({"kubernetes.gateCanary": part.format(text)})) == 1
        assert len(cluster_problems(cluster_entry(service=part.format(text)))) == 1


@pytest.mark.parametrize("part", ["https://{}", "oci://a/{}", "./{}", "https://a.example/{}"])
def test_a_nasty_part_of_a_repository_is_refused(part: str) -> None:
    for text in NASTY:
        # A user's home folder is one thing in a URL and another in a shell; here it is a URL.
        if "~" not in text or part == "./{}":
            assert len(cluster_problems({"kubernetes.chart.repository": part.format(text)})) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(sorted({row.key.split(".")[-1].split("]")[-1] for row in rows()}))
            | st.text(max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def _keys() -> Iterator[tuple[str, str]]:
    for platform, tree in TREES.items():
        for key in sorted(tree()):
            yield platform, key


@hypothesis_settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from([*_keys()]), value=JSON)
def test_whatever_is_written_is_answered_by_settings_or_by_harmless_lines(
    place: tuple[str, str], value: object
) -> None:
    platform, key = place
    found, wrong = judge({**TREES[platform](), key: value})
    assert (found is None) == bool(wrong)
    for line in map(str, wrong):
        assert_harmless(line)
