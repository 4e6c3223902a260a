"""What a reviewer is told of the settings around the allow-list."""

from __future__ import annotations

from typing import Any

import pytest

from newt_tunnel.tools.review.safeguards import Effect
from newt_tunnel.tools.review.stack_reviews import review
from tests.unit.review.changing import stack_file, stack_review, state, told
from tests.unit.settings.example import HOST_KEY, stack

_DIGEST = f"fosrl/newt:1.16.0@sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("key", "strong", "weak", "stack"),
    [
        ("proof", "enforce", "warn", "nas"),
        ("proof", "warn", "off", "nas"),
        ("docker.hook", "prerouting", "docker-user", "nas"),
        ("docker.persistence", "cron", "none", "nas"),
        ("newt.capabilities", [], ["NET_RAW"], "nas"),
        ("newt.ssh", False, True, "nas"),
        ("newt.logLevel", "INFO", "DEBUG", "nas"),
        ("newt.logLevel", "ERROR", "DEBUG", "k3s-home"),
        ("agent.image", _DIGEST, "fosrl/newt:1.16.0", "k3s-home"),
        ("agent.image", "fosrl/newt:1.16.0", "evil/newt:1.16.0", "nas"),
        ("kubernetes.acceptNodeAccess", False, True, "k3s-home"),
    ],
)
def test_a_weaker_setting_is_a_widening_and_the_way_back_a_narrowing(
    key: str, strong: Any, weak: Any, stack: str
) -> None:
    found = stack_review({key: weak}, {key: strong}, stack)
    assert [(one.key, one.effect) for one in found.safeguards] == [(key, Effect.LOOSER)]
    assert found.is_widened
    back = stack_review({key: strong}, {key: weak}, stack)
    assert [(one.key, one.effect) for one in back.safeguards] == [(key, Effect.TIGHTER)]
    assert not back.is_widened


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("agent.image", "fosrl/newt:1.16.0", "fosrl/newt:1.17.0"),
        ("docker.persistence", "systemd", "cron"),
        ("docker.firewall", "iptables", "nftables"),
        ("newt.logLevel", "INFO", "ERROR"),
    ],
)
def test_what_weakens_nothing_is_not_told(key: str, before: Any, after: Any) -> None:
    assert stack_review({key: after}, {key: before}).is_unchanged


def test_another_stranger_is_no_better_than_the_first() -> None:
    found = stack_review({"agent.image": "b/newt:1"}, {"agent.image": "a/newt:1"})
    assert [one.effect for one in found.safeguards] == [Effect.LOOSER]


def test_a_weaker_setting_is_told_with_its_reason() -> None:
    assert told({"proof": "off", "reasons": {"proof": "no room for a second container"}}) == [
        "**widened**",
        "- `proof`: `enforce` → `off`: a hole in the cage no longer fails an update; with `off` "
        "nothing is measured (reason: `no room for a second container`)",
    ]


def test_what_the_proof_no_longer_tries_is_told_unless_it_is_allowed_now() -> None:
    assert told({"mustNotReach": [{"name": "postgres", "host": "10.0.1.60", "port": 5432}]}) == [
        "**widened**",
        "- `mustNotReach`: `router: 10.0.1.1 80/tcp` → `(none)`: the proof no longer tries it, and "
        "nothing stops a later entry from allowing it",
    ]


def test_what_the_proof_tries_under_another_name_is_no_change() -> None:
    renamed = [
        {"name": "database", "host": "10.0.1.60", "port": 5432},
        {"name": "gateway", "cidr": "10.0.1.1/32", "port": 80},
    ]
    assert stack_review({"mustNotReach": renamed}).is_unchanged


@pytest.mark.parametrize("stack", ["nas", "k3s-home"])
def test_a_variable_that_newt_does_not_document_is_a_risk(stack: str) -> None:
    key = "newt.unknownEnvironment"
    without: dict[str, Any] = {key: {}}
    one, other = {f"{key}.NEWT_NEW": "x"}, {f"{key}.NEWT_NEW": "y"}
    for before, after in ((without, one), (one, other)):
        found = stack_review(after, before, stack)
        assert [(guard.key, guard.effect) for guard in found.safeguards] == [
            (f"{key}.NEWT_NEW", Effect.LOOSER)
        ]
        assert found.is_widened
        assert "what it does is not known" in found.safeguards[0].meaning
        assert {found.safeguards[0].before, found.safeguards[0].after} & {"x", "y"} == set(), (
            "the value may be a secret"
        )
    found = stack_review(without, one, stack)
    assert [guard.effect for guard in found.safeguards] == [Effect.TIGHTER]
    assert stack_review(one, one, stack).is_unchanged


def test_an_unknown_variable_of_a_new_stack_is_a_risk() -> None:
    stacks = {"nas": stack_file(stack({"newt.unknownEnvironment.HTTPS_PROXY": "10.0.1.5:3128"}))}
    (found,) = review(state("before", {}), state("after", stacks)).stacks
    (guard,) = [one for one in found.safeguards if "PROXY" in one.key]
    assert guard.effect is Effect.LOOSER
    assert "reaches what the proxy reaches" in guard.meaning


def test_where_newt_runs_and_whom_it_obeys_is_told_as_moved() -> None:
    found = stack_review(
        {"docker.address": "10.0.1.11", "pangolin.endpoint": "https://other.example.com"}
    )
    assert [(one.key, one.before, one.after) for one in found.with_effect(Effect.MOVED)] == [
        ("pangolin.endpoint", "https://pangolin.example.com", "https://other.example.com"),
        ("docker.address", "10.0.1.10", "10.0.1.11"),
    ]
    assert not found.is_widened


def test_another_host_key_is_told() -> None:
    other = HOST_KEY[:-4] + "AAAA"
    found = stack_review({"docker.hostKey": other}, {"docker.hostKey": HOST_KEY})
    assert [one.key for one in found.safeguards] == ["docker.hostKey"]
