"""The policy pack, run by the real engine on the deployed stack, and on what it must refuse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newt_tunnel.settings.schema import MODELINE
from tests.deployment import Deployment

pytestmark = pytest.mark.lab

PACK = ("--policy-pack", "policies")
CANARY = "canary-0815-4711"
BY_HAND = f"""

import pulumi_docker

by_hand = pulumi_docker.Provider("by-hand", host="ssh://root@10.0.1.10:22")
pulumi_docker.Container(
    "bare",
    name="bare",
    image="fosrl/newt:latest",
    network_mode="host",
    envs=["PANGOLIN_ENDPOINT=https://pangolin.example.com", "NEWT_SECRET={CANARY}"],
    mounts=[{{"type": "bind", "source": "/run/docker.sock", "target": "/run/docker.sock"}}],
    opts=pulumi.ResourceOptions(provider=by_hand),
)
"""


@pytest.fixture
def with_a_newt_by_hand(deployed: Deployment) -> Iterator[Deployment]:
    program = deployed.folder / "__main__.py"
    before = program.read_text()
    program.write_text(before + BY_HAND)
    yield deployed
    program.write_text(before)


def test_the_example_passes_with_advice_about_its_image_alone(deployed: Deployment) -> None:
    printed = deployed.preview(*PACK, "--expect-no-changes")
    assert "newt-tunnel@v" in printed, f"the pack did not run:\n{printed}"
    assert "[mandatory]" not in printed, printed
    assert printed.count("[advisory]") == 1, printed
    assert "newt-tunnel-newt-image: name: fosrl/newt:1.16.0: has no digest" in printed


def test_a_reason_silences_the_advice_and_is_no_change_of_any_resource(
    deployed: Deployment,
) -> None:
    gitea = {"name": "gitea", "host": "10.0.1.50", "port": 3000}
    rest = [entry for entry in deployed.setting("egress") if "gitea" not in str(entry)]
    deployed.edit(egress=[gitea | {"reason": "code of the family"}, *rest])
    deployed.edit(reasons={"image": "the tag is ours"})
    printed = deployed.preview(*PACK, "--expect-no-changes")
    assert "newt-tunnel@v" in printed, f"the pack did not run:\n{printed}"
    assert "[advisory]" not in printed, printed


def test_a_proof_that_is_off_is_said_and_allowed(deployed: Deployment) -> None:
    deployed.edit(proof="off")
    printed = deployed.preview(*PACK)
    assert "[advisory]  proof-is-on" in printed, printed


def test_a_newt_that_somebody_adds_by_hand_fails_the_preview_without_its_secret_being_shown(
    with_a_newt_by_hand: Deployment,
) -> None:
    done = with_a_newt_by_hand.pulumi("preview", *PACK, check=False)
    assert done.returncode != 0
    for rule in (
        *("newt-is-confined", "no-plain-secret", "no-docker-socket", "no-host-network"),
        "pinned-version",
    ):
        assert f"[mandatory]  {rule}" in done.stdout, f"{rule} is silent:\n{done.stdout}"
    # The provider's own diff shows what is no secret to it; the pack adds nothing to that.
    policies = done.stdout.partition("Policies:")[2].partition("Diagnostics:")[0]
    assert "envs.NEWT_SECRET: (not shown)" in policies
    assert CANARY not in policies


def test_pulumi_keeps_the_line_that_names_the_schema_to_an_editor(deployed: Deployment) -> None:
    first, *rest = deployed.stack_file.read_text().splitlines()
    assert any(line.startswith("encryptionsalt:") for line in rest), "Pulumi has written the file"
    assert first == MODELINE
