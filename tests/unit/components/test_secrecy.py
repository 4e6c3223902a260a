"""No secret is ever seen: not in plain text by the engine, in the chart's values, in outputs,
messages or errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pulumi
import pytest

from newt_tunnel.cluster import ClusterError
from newt_tunnel.docker_host.ssh import HostKeyError, UnreachableError
from newt_tunnel.settings.load import judge
from tests.unit.components import k3s_home, nas
from tests.unit.components.examples import LEAKS, Example
from tests.unit.components.k3s_home import WITH_KUBECONFIG, Cluster
from tests.unit.components.nas import (
    AGENT,
    NEWT_SECRET,
    PAIR,
    PROVISIONING,
    RULES,
    SETTINGS,
    Given,
    Host,
    as_left,
    changed,
    deploy,
)
from tests.unit.components.recording import Recording, public, record, revealed

STACKS = [
    pytest.param(nas, {}, PAIR, id="id and secret"),
    pytest.param(nas, {}, AGENT, id="ssh agent"),
    pytest.param(nas, {"newtId": None}, PROVISIONING, id="provisioning key"),
    pytest.param(
        nas,
        {"docker": {"user": "admin", "sudo": True, "firewall": "nftables"}},
        PAIR,
        id="nftables",
    ),
    pytest.param(nas, {"docker": {"hook": "docker-user"}}, PAIR, id="docker-user"),
    pytest.param(nas, {"newt": {"logLevel": "debug"}, "proof": "warn"}, PAIR, id="debugging"),
    pytest.param(k3s_home, {}, k3s_home.PAIR, id="context"),
    pytest.param(k3s_home, {}, WITH_KUBECONFIG, id="kubeconfig"),
    pytest.param(
        k3s_home,
        {"proof": "off", "newt.logLevel": "debug"},
        WITH_KUBECONFIG,
        id="debugging in a cluster",
    ),
    pytest.param(k3s_home, {"kubernetes.storage.enabled": False}, WITH_KUBECONFIG, id="no volume"),
]
UNREACHABLE = Cluster(ClusterError("k3s-home: the cluster cannot be reached"))
FAILING = [
    *(
        partial(nas.deploy, host=Host(answer))
        for answer in (
            UnreachableError("Connection refused"),
            HostKeyError("Host key verification failed."),
            RuntimeError("sudo asks admin for a password"),
            "state=drifted\nowner=newt-tunnel/other\n",
            "rubbish",
        )
    ),
    partial(k3s_home.deploy, given=WITH_KUBECONFIG, cluster=UNREACHABLE),
]


def assert_sealed(recording: Recording) -> None:
    for leak in LEAKS:
        assert leak not in recording.public_text, f"{leak} is readable outside of a secret"


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("example", "changes", "given"), STACKS, indirect=["example"])
def test_no_secret_stands_in_an_input_an_output_or_a_message_but_inside_a_secret(
    example: Example, changes: Mapping[str, Any], given: Given, preview: bool
) -> None:
    recording = example.deploy(changes, given=given, preview=preview)
    assert_sealed(recording)
    inside = repr([revealed(resource.inputs) for resource in recording.resources])
    there = [leak for leak in LEAKS if leak in repr(given)]
    assert there
    assert all(leak in inside for leak in there), "the secrets are there, but sealed"


@pytest.mark.parametrize(
    ("example", "given"),
    [(nas, PAIR), (k3s_home, WITH_KUBECONFIG)],
    ids=["nas", "k3s-home"],
    indirect=["example"],
)
def test_this_test_would_see_a_leak(
    monkeypatch: pytest.MonkeyPatch, example: Example, given: Given
) -> None:
    with monkeypatch.context() as unsealed:
        unsealed.setattr(pulumi.Output, "secret", pulumi.Output.from_input)
        leaking = example.deploy(given=given)
    with pytest.raises(AssertionError, match="readable outside of a secret"):
        assert_sealed(leaking)


@pytest.mark.parametrize("failing", FAILING, ids=range(len(FAILING)))
def test_no_error_shows_a_secret(failing: Callable[..., Recording]) -> None:
    recording = Recording()
    with pytest.raises(pulumi.RunError) as error:
        failing(into=recording)
    assert not any(leak in repr(error.value) + str(error.value) for leak in LEAKS)
    assert_sealed(recording)


def test_no_warning_shows_a_secret(nas: Recording) -> None:
    for recording in (
        deploy(host=Host(as_left(nas, state="drifted", faults="flushed"))),
        deploy(host=Host(as_left(nas, hash="0" * 64))),
        k3s_home.deploy(given=WITH_KUBECONFIG, cluster=UNREACHABLE, preview=True),
    ):
        assert recording.messages("warning")
        assert_sealed(recording)


def test_no_output_is_secret(deployed: Recording) -> None:
    assert public(deployed.stack_outputs) == deployed.stack_outputs, (
        "a reviewer must be able to read them"
    )


def test_a_changed_secret_leaves_the_rules_and_the_look_at_the_host_alone(nas: Recording) -> None:
    host = Host(as_left(nas))
    renewed = Given(newt_secret="another-secret", ssh_key=PAIR.ssh_key)
    before, after = deploy(host=host), deploy(given=renewed, host=host)
    assert after.named(RULES).inputs == before.named(RULES).inputs
    assert not any(leak in command for command in host.asked for leak in LEAKS)


def test_settings_and_secrets_do_not_show_a_secret_when_they_are_printed() -> None:
    settings, _ = judge(changed({}))
    printed = [repr(settings), str(settings)]

    def program() -> None:
        secrets = PAIR.outputs()
        printed.extend((repr(secrets), str(secrets)))

    record(program)
    assert len(printed) == 4
    assert not any(leak in text for text in printed for leak in LEAKS)


def test_the_settings_of_these_tests_hold_no_secret() -> None:
    assert NEWT_SECRET not in repr(SETTINGS), "or a leak could not be told from what is plain"
