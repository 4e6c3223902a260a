"""No change of a stack file goes by unseen: each key of the schema is reported, or listed with the
reason why not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from newt_tunnel.settings.stack import MODELS, KubernetesSettings, Settings
from newt_tunnel.settings.table import rows
from newt_tunnel.tools.review.other_changes import NOT_REPORTED
from newt_tunnel.tools.review.safeguards import Effect
from newt_tunnel.tools.review.stack_reviews import StackReview, review
from tests.unit.review.changing import stack_file, stack_review, state
from tests.unit.settings.example import ABSENT, HOST_KEY, changed, shipped

SECURE, OTHER = {"secure": "v1:abc:def"}, {"secure": "v1:abc:other"}
_BLUEPRINT = "stacks/blueprint.yaml"
_OTHER_BLUEPRINT = "stacks/other.yaml"
_RESOURCE = """
public-resources:
  wiki:
    protocol: http
    targets:
      - {{site: {site}, hostname: 10.0.7.7, method: http, port: {port}}}
      - {{site: home, hostname: 10.0.7.8, method: http, port: 80}}
"""
_PRIVATE = """
private-resources:
  nas:
    mode: host
    destination: 10.0.7.9
    site: nas
"""
_FILES = {
    _BLUEPRINT: _RESOURCE.format(site="nas", port=80),
    _OTHER_BLUEPRINT: _RESOURCE.format(site="nas", port=81),
    "stacks/private.yaml": _PRIVATE,
}
_WITH_BLUEPRINT = {"blueprint": {"file": _BLUEPRINT, "site": "nas"}}

#: Before and after, of each key of both platforms.
_SHARED: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "pangolin.endpoint": ({}, {"pangolin.endpoint": "https://other.example.com"}),
    "pangolin.addresses": ({}, {"pangolin.addresses": ["203.0.113.11"]}),
    "pangolin.nodes": ({}, {"pangolin.nodes": ["node.example.com"]}),
    "pangolin.ports": ({}, {"pangolin.ports": ["443/tcp"]}),
    "newtId": ({}, {"newtId": "another2ix2t8xk"}),
    "agent.image": ({}, {"agent": {"image": "evil/newt:1.16.0"}}),
    "newt.image": ({}, {"newt.image": "evil/newt:1.16.0"}),
    "newt.health": ({}, {"newt.health": False}),
    "newt.resources.memory": ({}, {"newt.resources.memory": 256}),
    "newt.resources.cpus": ({}, {"newt.resources.cpus": 0.5}),
    "newt.environment": ({}, {"newt.environment": {"MTU": 1280}}),
    "newt.unknownEnvironment": ({}, {"newt.unknownEnvironment": {"NEW_SWITCH": "on"}}),
    "newt.clients": ({}, {"newt.clients": True}),
    "newt.ssh": ({}, {"newt.ssh": True}),
    "newt.logLevel": ({}, {"newt.logLevel": "DEBUG"}),
    "blueprint.file": (
        _WITH_BLUEPRINT,
        {"blueprint": {"file": _OTHER_BLUEPRINT, "site": "nas"}},
    ),
    "blueprint.site": (_WITH_BLUEPRINT, {"blueprint.site": "home"}),
    "proof": ({}, {"proof": "warn"}),
    "reasons.dns": ({}, {"reasons": {"dns": "because"}}),
    "reasons.image": ({}, {"reasons": {"image": "because"}}),
    "reasons.proof": ({}, {"reasons": {"proof": "because"}}),
    "dns": ({}, {"dns": "any"}),
    "egress[].name": ({}, {"egress[0].name": "renamed"}),
    "egress[].reason": ({}, {"egress[0].reason": "because"}),
    "egress[].cidr": ({}, {"egress[2].cidr": "10.0.1.192/28"}),
    "egress[].port": ({}, {"egress[0].port": 3001}),
    "egress[].protocol": ({}, {"egress[0].protocol": "UDP"}),
    "egress": ({}, {"egress": []}),
    "mustNotReach": ({}, {"mustNotReach": []}),
    "newtSecret": ({"newtSecret": SECURE}, {"newtSecret": OTHER}),
}
_DOCKER: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "blueprint.allPorts": (
        {},
        {"blueprint": {"file": "stacks/private.yaml", "site": "nas", "allPorts": ["nas"]}},
    ),
    "agent.name": ({}, {"agent": "pangolin-cli"}),
    "newt.capabilities": ({}, {"newt.capabilities": ["NET_RAW"]}),
    "reasons.capabilities": ({}, {"reasons": {"capabilities": "because"}}),
    "egress[].cidr": ({}, {"egress[1].cidr": "10.0.1.192/28"}),
    "egress[].host": ({}, {"egress[0].host": "10.0.1.51"}),
    "docker.address": ({}, {"docker.address": "10.0.1.11"}),
    "docker.port": ({}, {"docker.port": 2222}),
    "docker.user": ({}, {"docker.user": "newt"}),
    "docker.hostKey": (
        {"docker.hostKey": HOST_KEY},
        {"docker.hostKey": HOST_KEY[:-4] + "AAAA"},
    ),
    "docker.sudo": ({}, {"docker.sudo": False}),
    "docker.subnet": (
        {},
        {"docker.subnet": "172.31.0.0/24", "docker.newtAddress": "172.31.0.10"},
    ),
    "docker.newtAddress": ({}, {"docker.newtAddress": "172.30.0.11"}),
    "docker.instance": ({}, {"docker.instance": "home"}),
    "docker.bridge": ({}, {"docker.bridge": "br-other"}),
    "egress[].container": (
        {"egress[0]": {"name": "web", "container": "web", "port": 80}},
        {"egress[0].container": "other"},
    ),
    "docker.services.network": ({}, {"docker.services": {"network": "other"}}),
    "docker.services.subnet": ({}, {"docker.services": {"subnet": "172.31.1.0/24"}}),
    "docker.services.attach": ({}, {"docker.services": {"attach": True}}),
    "docker.services.bridge": ({}, {"docker.services": {"bridge": "br-others"}}),
    "docker.firewall": ({}, {"docker.firewall": "nftables"}),
    "docker.hook": ({}, {"docker.hook": "docker-user"}),
    "docker.persistence": ({}, {"docker.persistence": "none"}),
    "docker.logDrops": ({}, {"docker.logDrops": True}),
    "newtProvisioningKey": (
        {"newtProvisioningKey": SECURE, "newtId": ABSENT},
        {"newtProvisioningKey": OTHER},
    ),
    "sshPrivateKey": ({"sshPrivateKey": SECURE}, {"sshPrivateKey": ABSENT}),
}
_CLUSTER: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "blueprint.allPorts": (
        {},
        {"blueprint": {"file": "stacks/private.yaml", "site": "nas", "allPorts": ["nas"]}},
    ),
    "egress[].service": ({}, {"egress[1].service": "homeassistant/other"}),
    "egress[].namespace": ({}, {"egress[0].namespace": "other"}),
    "egress[].labels": ({}, {"egress[0].labels": {"app": "other"}}),
    "egress[].host": ({}, {"egress[2]": {"name": "printer", "host": "10.0.1.201", "port": 631}}),
    "egress[].wide": ({}, {"egress[2].wide": True}),
    "kubernetes.context": ({}, {"kubernetes.context": "other"}),
    "kubernetes.namespace": ({}, {"kubernetes.namespace": "other"}),
    "kubernetes.chart.repository": ({}, {"kubernetes.chart.repository": "./charts/newt"}),
    "kubernetes.chart.name": ({}, {"kubernetes.chart.name": "other"}),
    "kubernetes.chart.version": ({}, {"kubernetes.chart.version": "1.5.1"}),
    "kubernetes.storage.size": ({}, {"kubernetes.storage.size": "1Gi"}),
    "kubernetes.storage.class": ({}, {"kubernetes.storage.class": "fast"}),
    "kubernetes.storage.enabled": ({}, {"kubernetes.storage.enabled": False}),
    "kubernetes.clusterDns.namespace": ({}, {"kubernetes.clusterDns.namespace": "dns"}),
    "kubernetes.clusterDns.labels": ({}, {"kubernetes.clusterDns.labels": {"app": "dns"}}),
    "kubernetes.clusterDns.port": ({}, {"kubernetes.clusterDns.port": 5353}),
    "kubernetes.gateCanary": ({}, {"kubernetes.gateCanary": "10.43.0.10:9153"}),
    "kubernetes.acceptNodeAccess": ({}, {"kubernetes.acceptNodeAccess": True}),
    "kubeconfig": (
        {"kubeconfig": SECURE, "kubernetes.context": None},
        {"kubeconfig": OTHER},
    ),
}
CHANGES = {"docker": {**_SHARED, **_DOCKER}, "kubernetes": {**_SHARED, **_CLUSTER}}
EXAMPLE = {"docker": "nas", "kubernetes": "k3s-home"}


def _of(platform: str, key: str) -> StackReview:
    before, after = CHANGES[platform][key]
    old = changed(shipped(EXAMPLE[platform]), before)
    new = changed(changed(shipped(EXAMPLE[platform]), before), after)
    stack = EXAMPLE[platform]
    found = review(
        state("base", {stack: stack_file(old)}, **_FILES),
        state("head", {stack: stack_file(new)}, **_FILES),
    )
    assert not found.faults, [problem for fault in found.faults for problem in fault.problems]
    return found.stacks[0]


@pytest.mark.parametrize("platform", MODELS)
def test_every_key_has_a_change_below(platform: str) -> None:
    """A new key has none: add one, and see whether the review reports it."""
    keys = {row.key for row in rows(MODELS[platform])} - {"platform"}
    if platform == "kubernetes":
        keys.remove("agent.name")  # has one value there
    assert keys == set(CHANGES[platform])


@pytest.mark.parametrize(
    ("platform", "key"), [(platform, key) for platform in MODELS for key in CHANGES[platform]]
)
def test_a_change_of_each_key_is_reported_or_listed_with_a_reason(platform: str, key: str) -> None:
    stack = _of(platform, key)
    key = "agent.image" if key == "newt.image" else key  # is reported by its name of today
    is_listed = any(key == one or key.startswith(f"{one}.") for one in NOT_REPORTED)
    assert stack.is_unchanged == is_listed, (
        f"{key}: a change of it is {'not ' * stack.is_unchanged}reported, and it is "
        f"{'not ' * (not is_listed)}in review.others.UNTOLD"
    )
    if not key.startswith(("egress", "reasons")):
        told = [one for one in stack.safeguards if f"{one.key}.".startswith(f"{key}.")]
        told += [one for one in stack.safeguards if key.startswith(f"{one.key}.")]
        assert is_listed or told or stack.changes, stack.safeguards


def test_what_is_listed_is_a_key_and_has_a_reason() -> None:
    keys = {row.key for model in (Settings, KubernetesSettings) for row in rows(model)}
    for key, reason in NOT_REPORTED.items():
        assert any(one == key or one.startswith(f"{key}.") for one in keys), key
        assert len(reason.split()) > 3, key


def test_another_platform_is_reported_as_one_change() -> None:
    found = review(
        state("base", {"nas": stack_file(shipped())}),
        state("head", {"nas": stack_file(shipped("k3s-home"))}),
    )
    guards = found.stacks[0].safeguards
    assert [one.key for one in guards if one.effect is Effect.MOVED] == ["platform"]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (SECURE, OTHER, ("(not shown)", "(not shown, another value)")),
        (ABSENT, SECURE, ("(none)", "(not shown)")),
        (SECURE, ABSENT, ("(not shown)", "(none)")),
    ],
    ids=["changed", "added", "taken out"],
)
def test_another_kubeconfig_is_reported_with_what_it_means(
    before: Any, after: Any, shown: tuple[str, str]
) -> None:
    tree = {} if before is ABSENT else {"kubeconfig": before, "kubernetes.context": None}
    changes = {"kubeconfig": after} if after is not ABSENT or before is not ABSENT else {}
    if before is ABSENT:
        changes |= {"kubernetes.context": None}
    if after is ABSENT:
        changes |= {"kubernetes.context": "k3s-home"}
    stack = stack_review(changes, tree, "k3s-home")
    [guard] = [one for one in stack.safeguards if one.key == "kubeconfig"]
    assert (guard.before, guard.after) == shown
    assert guard.meaning == "newt may run in another cluster, and with other rights"
    assert "v1:" not in repr(stack)


def test_a_variable_of_newt_is_reported_with_its_values() -> None:
    before = {"newt.environment": {"MTU": 1280, "PING_TIMEOUT": "5s"}}
    stack = stack_review({"newt.environment": {"MTU": 1400, "PING_INTERVAL": "3s"}}, before)
    assert [(one.key, one.before, one.after) for one in stack.safeguards] == [
        ("newt.environment.MTU", "1280", "1400"),
        ("newt.environment.PING_INTERVAL", "(none)", "3s"),
        ("newt.environment.PING_TIMEOUT", "5s", "(none)"),
    ]
    assert all("newt runs with another variable" in one.meaning for one in stack.safeguards)


@pytest.mark.parametrize(
    "entry",
    [
        {"cidr": "10.0.0.0/16", "port": 80, "wide": True},
        {"cidr": "10.0.0.0/17", "port": 80, "wide": True},
        {"cidr": "10.0.0.0/16", "port": "80-81", "wide": True},
        {"cidr": "10.0.128.0/18", "port": 81, "wide": True},
        {"cidr": "10.0.0.0/15", "port": 80, "wide": True},
        {"name": "renamed", "cidr": "10.0.0.0/17", "port": 80, "wide": True},
    ],
    ids=["nothing else", "half", "fewer ports", "both", "and wider", "and renamed"],
)
def test_wide_is_reported_together_with_any_other_change_of_the_entry(
    entry: dict[str, Any],
) -> None:
    narrow = {"name": "lan", "cidr": "10.0.0.0/16", "port": "80-90"}
    before = {"egress": [narrow], "mustNotReach": []}
    stack = stack_review({"egress": [{"name": "lan", **entry}]}, before, "k3s-home")
    [guard] = stack.safeguards
    assert (guard.key, guard.effect) == (f"egress {entry.get('name', 'lan')} wide", Effect.LOOSER)
    assert stack.is_widened


def test_wide_that_was_there_already_is_no_change() -> None:
    wide = {"name": "lan", "cidr": "10.0.0.0/16", "port": "80-90", "wide": True}
    before = {"egress": [wide], "mustNotReach": []}
    stack = stack_review({"egress": [{**wide, "cidr": "10.0.0.0/17"}]}, before, "k3s-home")
    assert not stack.safeguards
    assert not stack.is_widened


@pytest.mark.parametrize(
    ("others", "key"),
    [
        ({"secretsprovider": "awskms://alias/other"}, "secretsprovider"),
        ({"encryptionsalt": "v1:other"}, "encryptionsalt"),
        ({"encryptedkey": "other"}, "encryptedkey"),
        ({"environment": ["prod"]}, "environment"),
    ],
)
def test_what_pulumi_itself_reads_from_the_file_is_reported(
    others: dict[str, Any], key: str
) -> None:
    found = review(
        state("base", {"nas": stack_file(shipped())}),
        state("head", {"nas": stack_file(shipped(), **others)}),
    )
    [guard] = found.stacks[0].safeguards
    assert (guard.key, guard.before, guard.after) == (key, "(none)", "(not shown)")


def test_what_other_providers_read_is_reported_and_not_shown() -> None:
    text = stack_file(shipped())
    other = f"{text}  docker:host: tcp://evil.example.com\n"
    assert "config:\n" in text
    found = review(state("base", {"nas": text}), state("head", {"nas": other}))
    [guard] = found.stacks[0].safeguards
    assert (guard.key, guard.after) == ("docker:host", "(not shown)")
    assert "evil.example.com" not in repr(found.stacks)
