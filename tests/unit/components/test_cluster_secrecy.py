"""Where a cluster's secrets are: newt's in one Secret, the kubeconfig in the provider."""

from __future__ import annotations

from tests.unit.components.k3s_home import (
    CREDENTIALS,
    NEWT_SECRET,
    PROVIDER,
    RELEASE,
    WITH_KUBECONFIG,
    deploy,
    in_cluster,
)
from tests.unit.components.nas import Given
from tests.unit.components.recording import Recording, is_secret, revealed


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
