"""No string of the stack file can carry anything that a shell, a rule or a file would act on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from settings.load import judge
from settings.table import rows
from tests.unit.settings.example import HOST_KEY, problems, stack

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


def entry(**keys: str) -> list[dict[str, Any]]:
    return [{"name": "web", "host": "10.0.1.77", "port": 80, **keys}]


def block(value: str) -> list[dict[str, Any]]:
    return [{"name": "web", "cidr": value, "port": 80}]


# For every key of the table that can be written as text: the example with that text in it.
PLACES: dict[str, Any] = {
    "platform": lambda text: {"platform": text},
    "pangolin.endpoint": lambda text: {"pangolin.endpoint": f"https://{text}"},
    "pangolin.addresses": lambda text: {"pangolin.addresses": [text]},
    "pangolin.ports": lambda text: {"pangolin.ports": ["443/tcp", text]},
    "newtId": lambda text: {"newtId": text},
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
    "egress[].name": lambda text: {"egress": entry(name=text)},
    "egress[].host": lambda text: {"egress": entry(host=text)},
    "egress[].cidr": lambda text: {"egress": block(text)},
    "egress[].port": lambda text: {"egress": entry(port=text)},
    "egress[].protocol": lambda text: {"egress": entry(protocol=text)},
    "egress[].reason": lambda text: {"egress": entry(reason=text)},
    **{
        f"reasons.{key}": lambda text, key=key: {f"reasons.{key}": text}
        for key in ("dns", "image", "proof", "capabilities")
    },
    "mustNotReach": lambda text: {"mustNotReach": [f"gitea.lan:{text}:tcp"]},
    "docker.address": lambda text: {"docker.address": text},
    "docker.port": lambda text: {"docker.port": text},
    "docker.user": lambda text: {"docker.user": text},
    "docker.hostKey": lambda text: {"docker.hostKey": f"ssh-ed25519 {text}"},
    "docker.sudo": lambda text: {"docker.sudo": text},
    "docker.subnet": lambda text: {"docker.subnet": text},
    "docker.newtAddress": lambda text: {"docker.newtAddress": text},
    "docker.bridge": lambda text: {"docker.bridge": text},
    "docker.firewall": lambda text: {"docker.firewall": text},
    "docker.hook": lambda text: {"docker.hook": text},
    "docker.persistence": lambda text: {"docker.persistence": text},
    "docker.logDrops": lambda text: {"docker.logDrops": text},
}


def test_every_option_of_the_table_is_attacked() -> None:
    assert set(PLACES) == {row.key for row in rows() if row.type != "secret"}


@pytest.mark.parametrize("place", PLACES)
def test_a_nasty_string_is_refused_on_one_harmless_line(place: str) -> None:
    for text in NASTY:
        lines = problems(PLACES[place](text))
        assert len(lines) == 1, lines
        assert lines[0].isascii()
        assert lines[0].isprintable()


@pytest.mark.parametrize("place", PLACES)
def test_a_good_value_with_a_line_break_after_it_is_refused(place: str) -> None:
    good = {
        "pangolin.endpoint": "pangolin.example.com",
        "newt.image": "1.16.0",
        "docker.hostKey": HOST_KEY.removeprefix("ssh-ed25519 "),
        "egress": "gitea.lan",
        "egress[].cidr": "10.0.1.0/24",
        "docker.subnet": "172.30.0.0/24",
        "docker.address": "10.0.1.10",
        "docker.newtAddress": "172.30.0.10",
        "dns": "10.0.1.53",
        "pangolin.addresses": "203.0.113.10",
        "pangolin.ports": "444/tcp",
        "egress[].host": "10.0.1.77",
    }.get(place, "80")
    assert len(problems(PLACES[place](f"{good}\n"))) == 1


@pytest.mark.parametrize("text", [*NASTY, "FOO BAR", "1A", "a"], ids=ascii)
def test_a_nasty_name_of_a_variable_is_refused(text: str) -> None:
    assert len(problems({"newt": {"environment": {text: "x"}}})) == 1


@pytest.mark.parametrize("text", [*NASTY, "[key]", "", "docker.$(x)"], ids=ascii)
def test_a_nasty_unknown_key_is_shown_on_one_harmless_line(text: str) -> None:
    for changed in ({**stack(), text: 1}, {**stack(), "newt": {text: 1}}):
        _, found = judge(changed)
        (line,) = map(str, found)
        assert line.isascii()
        assert line.isprintable()


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


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(key=st.sampled_from(sorted(stack())), value=JSON)
def test_whatever_is_written_is_answered_by_settings_or_by_harmless_lines(
    key: str, value: object
) -> None:
    found, wrong = judge({**stack(), key: value})
    assert (found is None) == bool(wrong)
    for line in map(str, wrong):
        assert line.isascii()
        assert line.isprintable()
