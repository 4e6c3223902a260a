"""How stack files are read without the engine: as Pulumi reads them, and without any secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from newt_tunnel.stackfile.git import RevisionError
from newt_tunnel.tools.review.changes import ChangeKind
from newt_tunnel.tools.review.stack_reviews import Review, review
from tests.unit.cluster.home import looked_up
from tests.unit.review.changing import State, stack_file, stack_review, state
from tests.unit.review.repository import PROJECT
from tests.unit.settings.example import changed, shipped

_NEEDLE = "xk22hunter2needle"
_PROJECT = (PROJECT / "Pulumi.yaml").read_text()


def _nas(changes: Mapping[str, Any] | None = None, **others: Any) -> str:
    return stack_file(changed(shipped(), changes), **others)


def _review(before: str, after: str, **files: str) -> Review:
    return review(state("base", {"nas": before}, **files), state("head", {"nas": after}, **files))


def _problems(text: str) -> list[str]:
    return [problem for fault in _review(_nas(), text).faults for problem in fault.problems]


def test_encrypted_secrets_are_neither_needed_nor_shown() -> None:
    secret = {"secure": f"v1:{_NEEDLE}:abc="}
    text = _nas({"newtSecret": secret, "sshPrivateKey": secret}, encryptionsalt=f"v1:{_NEEDLE}")
    found = _review(text, text)
    assert found.stacks[0].is_unchanged
    assert _NEEDLE not in repr(found.stacks[0].after)


def test_a_secret_in_plain_text_is_told_and_not_shown() -> None:
    stack = _review(_nas(), _nas({"newtSecret": _NEEDLE})).stacks[0]
    assert [hint.partition(";")[0] for hint in stack.hints] == [
        "newtSecret: (not shown): is stored in plain text"
    ]
    assert not stack.is_unchanged
    assert _NEEDLE not in repr(stack.after)


def test_an_encrypted_value_where_none_can_be_read_is_a_problem() -> None:
    [problem] = _problems(_nas({"egress[0].host": {"secure": f"v1:{_NEEDLE}"}}))
    assert problem.startswith("egress: (not shown): is stored encrypted, whole or in part")


def test_an_imported_environment_is_reported_as_not_read() -> None:
    [hint] = _review(_nas(), _nas(environment=["prod"])).stacks[0].hints
    assert hint == "environment: its values are not in this repository, so they are not read here"


def test_a_host_key_that_each_checkout_adds_is_not_asked_for() -> None:
    assert not _review(_nas(), _nas()).faults


def test_a_list_that_is_written_as_json_text_is_read_as_the_program_reads_it() -> None:
    listed = '[{"name": "one", "host": "10.0.7.5", "port": 80}]'
    changes = _review(_nas({"egress": []}), _nas({"egress": listed})).stacks[0].of(ChangeKind.ADDED)
    assert [one.change.entry.name for one in changes] == ["one"]


def test_words_that_only_python_takes_for_something_else_are_text() -> None:
    # 22:22:tcp would be a number to it, and off no text.
    tree = _nas({"egress": [], "mustNotReach": []})
    text = tree + "  newt-tunnel:proof: off\n"
    text = text.replace("  newt-tunnel:proof: enforce\n", "")
    stack = _review(tree, text).stacks[0]
    assert [(one.key, one.after) for one in stack.safeguards] == [("proof", "off")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("config: {a: 1, a: 2}", "line 1: a key that is there twice"),
        ("config:\n  <<: {a: 1}", "line 2: <<: write the keys themselves"),
        ("a: [", "line 1: is not YAML"),
        ("- a", "is not a map of keys"),
        ("config: [a]", "config: is not a map of keys"),
        ("config: {dns: none, newt-tunnel:dns: any}", "dns: is there twice, with and without"),
        ("config: {newt-tunnel:egress: &a [*a]}", "has more than 100000 values"),
        ("config: {newt-tunnel:egress: !!python/name:os.system x}", "line 1: is not YAML"),
        ("a: " + "[" * 20000, "is not YAML that can be read"),
    ],
)
def test_a_file_that_pulumi_would_not_take_is_a_problem(text: str, problem: str) -> None:
    assert any(found.startswith(problem) for found in _problems(text)), _problems(text)


def test_a_key_without_a_project_is_the_projects_own_as_the_engine_takes_it() -> None:
    tree = {key: value for key, value in shipped().items() if key != "proof"}
    before, after = stack_file(shipped()), stack_file(tree) + "  proof: warn\n"
    stack = _review(before, after).stacks[0]
    assert [(one.key, one.after) for one in stack.safeguards] == [("proof", "warn")]


def test_all_problems_of_a_file_are_told_as_the_program_tells_them() -> None:
    problems = _problems(_nas({"docker.hook": "input", "egress[0].port": 0}))
    assert [problem.partition(":")[0] for problem in problems] == ["egress[0].port", "docker.hook"]


@pytest.mark.parametrize(
    "config",
    [
        "config: {proof: off}",
        "config: {newt-tunnel:proof: {default: off}}",
        "config: {newt-tunnel:proof: {value: off, type: string}}",
    ],
)
def test_a_value_for_all_stacks_counts_where_the_stack_has_none(config: str) -> None:
    tree = {key: value for key, value in shipped().items() if key != "proof"}
    files = {"Pulumi.yaml": f"{_PROJECT}{config}\n"}
    before = state("base", {"nas": stack_file(tree)})
    [stack] = review(before, state("head", {"nas": stack_file(tree)}, **files)).stacks
    assert [(one.key, one.after) for one in stack.safeguards] == [("proof", "off")]
    # The stack's own value wins.
    [stack] = review(before, state("head", {"nas": _nas()}, **files)).stacks
    assert stack.is_unchanged


def test_the_folder_of_the_stack_files_is_the_one_that_each_revision_names() -> None:
    moved = {
        "Pulumi.yaml": _PROJECT.replace("stackConfigDir: stacks", "stackConfigDir: elsewhere"),
        "elsewhere/Pulumi.nas.yaml": _nas(),
    }
    found = review(state("base", {"nas": _nas()}), state("head", {}, **moved))
    assert [(one.name, one.is_unchanged) for one in found.stacks] == [("nas", True)]


def test_the_blueprint_is_that_of_the_same_revision() -> None:
    tree = _nas({"egress": [], "dns": ["10.0.1.53"], "blueprint": "stacks/blueprint.yaml"})
    blueprint = (
        "public-resources:\n  wiki:\n    protocol: http\n    targets:\n"
        "      - {hostname: 10.0.7.7, method: http, port: 8080}\n"
    )
    name = "stacks/blueprint.yaml"
    before = state("base", {"nas": tree}, **{name: blueprint})
    after = state("head", {"nas": tree}, **{name: blueprint.replace("8080", "9090")})
    [stack] = review(before, after).stacks
    assert not stack.faults, stack.faults
    [added] = stack.of(ChangeKind.ADDED)
    assert added.change.entry.ports_texts == ("9090/tcp",)
    assert added.change.entry.origin.startswith("blueprint.public-resources.wiki")
    [missing] = review(before, state("head", {"nas": tree})).faults
    assert "does not exist" in missing.problems[0]


def test_a_new_stack_is_new_as_a_whole_and_one_that_is_gone_gone() -> None:
    nothing, there = state("base", {}), state("head", {"nas": _nas({"proof": "warn"})})
    [new] = review(nothing, there).stacks
    names = {one.change.entry.name for one in new.of(ChangeKind.ADDED)}
    assert {"gitea", "jellyfin", "pangolin", "printer"} <= names
    assert ("proof", "(none)", "warn") in [
        (one.key, one.before, one.after) for one in new.safeguards
    ]
    assert new.is_widened
    [gone] = review(there, nothing).stacks
    assert {one.change.entry.name for one in gone.of(ChangeKind.REMOVED)} == names
    assert gone.is_widened, "what is deployed stays, and no file says any more what it may reach"


def test_another_platform_is_told_and_compared_all_the_same() -> None:
    k3s = stack_file(shipped("k3s-home"))
    stack = _review(_nas(), k3s).stacks[0]
    assert ("platform", "docker", "kubernetes") in [
        (one.key, one.before, one.after) for one in stack.safeguards
    ]
    assert "homeassistant" in {one.change.entry.name for one in stack.of(ChangeKind.ADDED)}


def test_a_stack_that_is_nowhere_and_a_project_that_is_none_are_told() -> None:
    here = state("base", {"nas": _nas()})
    with pytest.raises(RevisionError, match=r"mars: is no stack, .* there is nas"):
        review(here, here, {"mars"})
    empty = State("base", {})
    with pytest.raises(RevisionError, match=r"there is no Pulumi\.yaml here"):
        review(empty, empty)


def test_in_a_cluster_the_openings_are_the_rules_that_the_look_up_makes() -> None:
    found = stack_review({"dns": "any"}, stack="k3s-home")
    policy = looked_up(dns="any").policy
    assert policy is not None
    services = {"homeassistant"}
    rules = {(rule.name, str(rule.destination)) for rule in policy.allowed}
    ours = {(one.name, str(one.place)) for one in found.reach}
    followed = {rule for rule in rules if rule[0] in services}
    assert followed, "the example has a Service"
    # Whether the cluster has IPv6 only it knows.
    ours.remove(("dns", "::/0"))
    assert {one for one in ours if one[0] not in services} == rules - followed
