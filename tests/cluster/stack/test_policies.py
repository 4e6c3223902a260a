"""The policy pack on the cluster's stack, run by the real engine: as it is, with a reason more, and
beside a newt that somebody wrote by hand.
"""

from __future__ import annotations

import re

import pytest

from tests.deployment import Deployment
from tests.stack.test_policies import PACK

pytestmark = pytest.mark.lab

BY_HAND = """

import pulumi_kubernetes

by_hand = pulumi_kubernetes.Provider(
    "by-hand", kubeconfig=pulumi.Config().require_secret("kubeconfig"), context={context!r}
)
pulumi_kubernetes.helm.v3.Release(
    "bare",
    name="bare",
    namespace="default",
    chart={name!r},
    repository_opts={{"repo": {repository!r}}},
    values={{
        "global": {{"image": {{"repository": "fosrl/newt", "tag": "latest"}}}},
        "newtInstances": [{{"name": "bare", "enabled": True}}],
    }},
    opts=pulumi.ResourceOptions(provider=by_hand),
)
"""


def test_the_clusters_example_passes_with_advice_about_its_image_alone(
    on_cluster: Deployment,
) -> None:
    printed = on_cluster.preview(*PACK, "--expect-no-changes")
    assert "newt-tunnel@v" in printed, f"the pack did not run:\n{printed}"
    assert "[mandatory]" not in printed, printed
    assert printed.count("[advisory]") == 1, printed
    assert "newt-tunnel-newt-release: values.global.image: " in printed


def test_a_reason_changes_the_policys_annotation_and_rolls_nothing(on_cluster: Deployment) -> None:
    entries = [
        entry | {"reason": "prints the invoices"} if entry["name"] == "printer" else entry
        for entry in on_cluster.setting("egress")
    ]
    on_cluster.edit(egress=entries, reasons={"image": "the tag is ours"})
    printed = on_cluster.preview(*PACK)
    assert "[advisory]" not in printed, printed
    assert re.search(r"Resources:\s+~ 1 to update\s+\d+ unchanged", printed), printed
    assert re.search(r"~.* newt-tunnel-egress-policy update", printed), printed


def test_a_chart_that_somebody_adds_without_a_policy_fails_the_preview(
    on_cluster: Deployment,
) -> None:
    kubernetes = on_cluster.setting("kubernetes")
    chart = kubernetes["chart"]
    program = on_cluster.folder / "__main__.py"
    before = program.read_text()
    program.write_text(
        before
        + BY_HAND.format(
            context=kubernetes["context"], name=chart["name"], repository=chart["repository"]
        )
    )
    try:
        done = on_cluster.pulumi("preview", *PACK, check=False)
    finally:
        program.write_text(before)
    assert done.returncode != 0
    assert "[mandatory]  newt-is-confined" in done.stdout, done.stdout
    unselected = r"bare: dependsOn: no NetworkPolicy for default/\S*newt\.instance=bare"
    assert re.search(unselected, done.stdout), done.stdout
    # The chart's own version is filled in by the provider before the pack sees it.
    assert "bare: values.global.image: fosrl/newt:latest: " in done.stdout, done.stdout
