"""No secret is ever seen: not in plain text by the engine, in the chart's values, in outputs,
messages or errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from cluster import ClusterError
from tests.unit.components.k3s_home import (
    CREDENTIALS,
    LEAKS,
    NEWT_SECRET,
    PAIR,
    PROVIDER,
    RELEASE,
    WITH_KUBECONFIG,
    Cluster,
    deploy,
    in_cluster,
)
from tests.unit.components.nas import Given
from tests.unit.components.recording import Recording, is_secret, public, revealed

STACKS = [
    pytest.param({}, PAIR, id="context"),
    pytest.param({}, WITH_KUBECONFIG, id="kubeconfig"),
    pytest.param({"proof": "off", "newt.logLevel": "debug"}, WITH_KUBECONFIG, id="debugging"),
    pytest.param({"kubernetes.storage.enabled": False}, WITH_KUBECONFIG, id="no volume"),
]


def assert_sealed(recording: Recording) -> None:
    for leak in LEAKS:
        assert leak not in recording.public_text, f"{leak} is readable outside of a secret"


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("changes", "given"), STACKS)
def test_no_secret_stands_in_an_input_an_output_or_a_message_but_inside_a_secret(
    changes: Mapping[str, Any], given: Given, preview: bool
) -> None:
    recording = deploy(changes, given=given, preview=preview)
    assert_sealed(recording)
    inside = repr([revealed(one.inputs) for one in recording.resources])
    there = [leak for leak in LEAKS if leak in f"{given.newt_secret}{given.kubeconfig}"]
    assert there
    assert all(leak in inside for leak in there), "the secrets are there, but sealed"


def test_this_test_would_see_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pulumi.Output.secret
    monkeypatch.setattr(pulumi.Output, "secret", pulumi.Output.from_input)
    leaking = deploy(given=WITH_KUBECONFIG)
    monkeypatch.setattr(pulumi.Output, "secret", real)
    with pytest.raises(AssertionError, match="readable outside of a secret"):
        assert_sealed(leaking)


def test_newts_secret_stands_in_the_secret_alone(k3s_home: Recording) -> None:
    """Not even as a secret in the release: Helm keeps all values in the release's history."""
    holding = {one.name for one in k3s_home.resources if NEWT_SECRET in repr(revealed(one.inputs))}
    assert holding == {CREDENTIALS}
    assert not _has_secret(k3s_home.named(RELEASE).inputs)


def _has_secret(value: object) -> bool:
    if isinstance(value, dict):
        return is_secret(value) or any(map(_has_secret, value.values()))
    return isinstance(value, list) and any(map(_has_secret, value))


def test_what_newt_is_told_is_what_pangolin_gave(k3s_home: Recording) -> None:
    assert revealed(k3s_home.named(CREDENTIALS).inputs["stringData"]) == {
        "PANGOLIN_ENDPOINT": "https://pangolin.example.com",
        "NEWT_ID": "2ix2t8xk22ubpfy",
        "NEWT_SECRET": NEWT_SECRET,
    }


def test_a_kubeconfig_goes_to_the_provider_alone_and_is_secret_there() -> None:
    recording = deploy(given=WITH_KUBECONFIG)
    assert is_secret(recording.named(PROVIDER).inputs["kubeconfig"])
    assert not any("users:" in repr(revealed(one.inputs)) for one in in_cluster(recording))


def test_without_a_kubeconfig_the_machines_own_is_used_by_its_context(k3s_home: Recording) -> None:
    assert k3s_home.named(PROVIDER).inputs == {"context": "k3s-home"}


def test_a_changed_secret_changes_the_secret_alone(k3s_home: Recording) -> None:
    renewed = deploy(given=Given(newt_secret="another-secret"))
    changed = {
        one.name
        for one in renewed.resources
        if revealed(one.inputs) != revealed(k3s_home.named(one.name).inputs)
    }
    assert changed == {CREDENTIALS}, "the release follows by the Secret's new name"


def test_neither_an_error_nor_a_warning_shows_a_secret() -> None:
    unreachable = Cluster(ClusterError("k3s-home: the cluster cannot be reached"))
    warned = deploy(given=WITH_KUBECONFIG, cluster=unreachable, preview=True)
    assert warned.messages("warning")
    assert_sealed(warned)
    recording = Recording()
    with pytest.raises(pulumi.RunError) as error:
        deploy(given=WITH_KUBECONFIG, cluster=unreachable, into=recording)
    assert not any(leak in repr(error.value) + str(error.value) for leak in LEAKS)
    assert_sealed(recording)


def test_no_output_is_secret(k3s_home: Recording) -> None:
    assert public(k3s_home.stack_outputs) == k3s_home.stack_outputs
