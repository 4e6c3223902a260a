"""Secrets of a cluster's stack: the kubeconfig, and what depends on which secrets there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from pulumi import runtime

from settings.errors import SettingsError
from settings.load import load
from settings.secrets import Secrets
from settings.stack import KubernetesSettings
from tests.unit.settings.example import ABSENT, PREFIX, cluster_stack
from tests.unit.settings.test_secrets import KEY, SECRET, as_pulumi_hands_over

KUBECONFIG = f"apiVersion: v1\nclusters: []\ncontexts: []\nusers: [{{token: {SECRET}}}]\n"

WITH_SECRET: dict[str, Any] = {"newtSecret": SECRET}

Load = Callable[..., tuple[KubernetesSettings, Secrets]]


@pytest.fixture
def loaded() -> Iterator[Load]:
    runtime.configure(runtime.Settings(project="newt-tunnel", stack="k3s-home"))

    def run(
        changes: Mapping[str, Any] | None = None, *, encrypted: Mapping[str, Any] = WITH_SECRET
    ) -> tuple[KubernetesSettings, Secrets]:
        tree = {**cluster_stack(changes), **encrypted}
        runtime.set_all_config(as_pulumi_hands_over(tree), [f"{PREFIX}{key}" for key in encrypted])
        settings, secrets = load()
        assert isinstance(settings, KubernetesSettings)
        return settings, secrets

    yield run
    runtime.set_all_config({}, [])


def refused(loaded: Load, changes: Mapping[str, Any] | None = None, **encrypted: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        loaded(changes, encrypted=encrypted)
    assert "needle" not in f"{caught.value}{caught.value.__dict__}"
    return str(caught.value).splitlines()


def test_a_kubeconfig_goes_on_as_a_secret_output_only(loaded: Load) -> None:
    async def check() -> None:
        settings, secrets = loaded(encrypted={**WITH_SECRET, "kubeconfig": KUBECONFIG})
        assert secrets.kubeconfig is not None
        assert await secrets.kubeconfig.future() == KUBECONFIG
        assert await secrets.kubeconfig.is_secret()
        assert "needle" not in f"{settings!r}{settings}{secrets!r}{settings.model_dump_json()}"

    asyncio.run(check())


def test_without_a_kubeconfig_the_context_must_be_written(loaded: Load) -> None:
    (line,) = refused(loaded, {"kubernetes.context": ABSENT}, **WITH_SECRET)
    assert line.startswith("kubernetes.context: (missing): write which cluster is meant")
    assert line.endswith("pulumi config set --secret kubeconfig < FILE")

    async def check() -> None:
        whole = {**WITH_SECRET, "kubeconfig": KUBECONFIG}
        settings, _ = loaded({"kubernetes.context": ABSENT}, encrypted=whole)
        assert settings.kubernetes.context is None

    asyncio.run(check())


def test_without_the_whole_section_the_context_is_missing_too(loaded: Load) -> None:
    (line,) = refused(loaded, {"kubernetes": ABSENT}, **WITH_SECRET)
    assert line.startswith("kubernetes.context: (missing)")


def test_a_kubeconfig_in_plain_text_is_refused_without_being_shown(loaded: Load) -> None:
    (line,) = refused(loaded, {"kubeconfig": KUBECONFIG}, **WITH_SECRET)
    assert line.startswith("kubeconfig: (not shown): is stored in plain text")


@pytest.mark.parametrize("text", [SECRET, f"clusters: {SECRET}", "/root/.kube/config"])
def test_what_is_no_kubeconfig_is_refused_without_being_shown(loaded: Load, text: str) -> None:
    (line,) = refused(loaded, kubeconfig=text, **WITH_SECRET)
    assert line.startswith("kubeconfig: (not shown): is not a kubeconfig")


def test_a_provisioning_key_is_refused_because_the_chart_would_show_it(loaded: Load) -> None:
    (line,) = refused(loaded, {"newtId": ABSENT}, newtProvisioningKey=SECRET)
    assert line.startswith("newtProvisioningKey: (not shown): is for Docker hosts")
    assert "pulumi config set --secret newtSecret" in line


def test_secrets_of_the_other_platform_are_refused_unread(loaded: Load) -> None:
    (line,) = refused(loaded, sshPrivateKey=KEY, **WITH_SECRET)
    assert line.startswith("sshPrivateKey: belongs to platform: docker")
    (line,) = refused(loaded, kubernetes=cluster_stack()["kubernetes"], **WITH_SECRET)
    assert "newtSecret, newtProvisioningKey, kubeconfig are secrets" in line
