"""Secrets of a cluster's stack: the kubeconfig, and what depends on which secrets there are."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.settings.encrypted import (
    KEY,
    KUBECONFIG,
    NEEDLE,
    SECRET,
    WITH_SECRET,
    Loaded,
    Refused,
)
from tests.unit.settings.example import ABSENT, cluster_stack


@pytest.fixture
def platform() -> str:
    return "kubernetes"


def test_a_kubeconfig_goes_on_as_a_secret_output_only(loaded: Loaded) -> None:
    async def check() -> None:
        settings, secrets = loaded(encrypted={**WITH_SECRET, "kubeconfig": KUBECONFIG})
        assert secrets.kubeconfig is not None
        assert await secrets.kubeconfig.future() == KUBECONFIG
        assert await secrets.kubeconfig.is_secret()
        assert NEEDLE not in f"{settings!r}{settings}{secrets!r}{settings.model_dump_json()}"

    asyncio.run(check())


def test_without_a_kubeconfig_the_context_must_be_written(loaded: Loaded, refused: Refused) -> None:
    (line,) = refused({"kubernetes.context": ABSENT}, **WITH_SECRET)
    assert line.startswith("kubernetes.context: (missing): write which cluster is meant")
    assert line.endswith("pulumi config set --secret kubeconfig < FILE")

    async def check() -> None:
        whole = {**WITH_SECRET, "kubeconfig": KUBECONFIG}
        settings, _ = loaded({"kubernetes.context": ABSENT}, encrypted=whole)
        assert settings.kubernetes.context is None

    asyncio.run(check())


def test_without_the_whole_section_the_context_is_missing_too(refused: Refused) -> None:
    (line,) = refused({"kubernetes": ABSENT}, **WITH_SECRET)
    assert line.startswith("kubernetes.context: (missing)")


def test_a_kubeconfig_in_plain_text_is_refused_without_being_shown(refused: Refused) -> None:
    (line,) = refused({"kubeconfig": KUBECONFIG}, **WITH_SECRET)
    assert line.startswith("kubeconfig: (not shown): is stored in plain text")


@pytest.mark.parametrize("text", [SECRET, f"clusters: {SECRET}", "/root/.kube/config"])
def test_what_is_no_kubeconfig_is_refused_without_being_shown(refused: Refused, text: str) -> None:
    (line,) = refused(kubeconfig=text, **WITH_SECRET)
    assert line.startswith("kubeconfig: (not shown): is not a kubeconfig")


def test_a_provisioning_key_is_refused_because_the_chart_would_show_it(refused: Refused) -> None:
    (line,) = refused(newtProvisioningKey=SECRET, **WITH_SECRET)
    assert line.startswith("newtProvisioningKey: is for Docker hosts: the chart would carry it")
    lines = refused({"newtId": ABSENT}, newtProvisioningKey=SECRET)
    assert [line.split(":")[0] for line in lines] == ["newtId", "newtProvisioningKey", "newtSecret"]


def test_id_and_secret_are_both_needed(refused: Refused) -> None:
    assert refused({"newtId": ABSENT}) == [
        "newtId: (missing): write the site's id from Pangolin",
        "newtSecret: (missing): run: pulumi config set --secret newtSecret",
    ]


def test_secrets_of_the_other_platform_are_refused_unread(refused: Refused) -> None:
    (line,) = refused(sshPrivateKey=KEY, **WITH_SECRET)
    assert line.startswith("sshPrivateKey: belongs to platform: docker")
    (line,) = refused(kubernetes=cluster_stack()["kubernetes"], **WITH_SECRET)
    assert "newtSecret, kubeconfig are secrets" in line
