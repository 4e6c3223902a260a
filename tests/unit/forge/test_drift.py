"""The nightly job: a preview that must find nothing, and then the proof alone, again."""

from __future__ import annotations

import json

import pytest

from tests.unit.forge.checkout import Checkout
from tests.unit.forge.dummy import DummyForge

URN = "urn:pulumi:nas::newt-tunnel::newt-tunnel:docker:DockerTunnel"
CLUSTER_PROOF = "urn:pulumi:k3s-home::newt-tunnel::newt-tunnel:kubernetes:PolicyProof::proof"
DOCKER_PROOF = f"{URN}$newt-tunnel:docker:EgressProof::newt-tunnel-proof"
PROBES = f"{URN}$newt-tunnel:docker:EgressProof$command:remote:Command::newt-tunnel-proof-probes"
STATE = json.dumps(
    {
        "deployment": {
            "resources": [
                {"urn": DOCKER_PROOF, "type": "newt-tunnel:docker:EgressProof"},
                {
                    "urn": PROBES,
                    "type": "command:remote:Command",
                    "parent": DOCKER_PROOF,
                    "custom": True,
                },
                {
                    "urn": f"{URN}::rules",
                    "type": "command:remote:Command",
                    "parent": URN,
                    "custom": True,
                },
                {
                    "urn": f"{CLUSTER_PROOF}$control",
                    "type": "kubernetes:core/v1:Namespace",
                    "parent": CLUSTER_PROOF,
                    "custom": True,
                },
                {"urn": CLUSTER_PROOF, "type": "newt-tunnel:kubernetes:PolicyProof"},
                *(
                    {
                        "urn": f"{CLUSTER_PROOF}${job}",
                        "type": "kubernetes:batch/v1:Job",
                        "parent": CLUSTER_PROOF,
                        "custom": True,
                    }
                    for job in ("controlling", "proving")
                ),
            ]
        }
    }
)


@pytest.fixture(autouse=True)
def _opened(checkout: Checkout) -> None:
    checkout.variables = {"PULUMI_CONFIG_PASSPHRASE": "the-passphrase-of-ci"}


def commands(checkout: Checkout) -> list[list[str]]:
    return [asked["argv"] for asked in checkout.asked_pulumi if asked["argv"][0] in _CHANGING]


_CHANGING = ("preview", "up")


def test_the_proof_alone_is_run_again_where_nothing_differs(
    checkout: Checkout, github: DummyForge
) -> None:
    checkout.say_pulumi(stack_export={"stdout": STATE}, up={"stdout": "postgres  block  blocked\n"})
    done = checkout.run("drift", github)
    assert done.returncode == 0, done.stderr
    first = commands(checkout)[:2]
    assert "--expect-no-changes" in first[0]
    assert first[1][0] == "up"
    assert [word for word in first[1] if word.startswith("--target")] == [
        f"--target-replace={PROBES}",
        f"--target-replace={CLUSTER_PROOF}$controlling",
        f"--target-replace={CLUSTER_PROOF}$proving",
    ]
    assert "nas: as deployed, and the proof holds" in checkout.summary
    assert "postgres  block  blocked" in checkout.summary
    assert github.requests == [], "there is nobody to comment to"


def test_a_stack_that_differs_fails_the_job_and_is_not_measured(
    checkout: Checkout, github: DummyForge
) -> None:
    checkout.say_pulumi(
        stack_export={"stdout": STATE},
        preview={"stdout": "10.0.1.10 differs from what was deployed\n", "status": 7},
    )
    done = checkout.run("drift", github)
    assert done.returncode == 1
    assert [words[0] for words in commands(checkout)] == ["preview", "preview"]
    assert "nas: not what was deployed; the proof was not run" in checkout.summary
    assert "differs from what was deployed" in checkout.summary


def test_an_open_cage_fails_the_job(checkout: Checkout, github: DummyForge) -> None:
    checkout.say_pulumi(
        stack_export={"stdout": STATE}, up={"stderr": "error: the cage is open\n", "status": 255}
    )
    done = checkout.run("drift", github)
    assert done.returncode == 1
    assert "nas: as deployed, but the proof FAILED" in checkout.summary
    assert "the cage is open" in checkout.summary


def test_one_stack_that_fails_does_not_hide_the_other(
    checkout: Checkout, github: DummyForge
) -> None:
    checkout.say_pulumi(config={"stderr": "error: no stack named", "status": 255})
    done = checkout.run("drift", github)
    assert done.returncode == 1
    assert "k3s-home: could not be looked at" in checkout.summary
    assert "nas: could not be looked at" in checkout.summary


def test_a_proof_that_is_off_is_said(checkout: Checkout, github: DummyForge) -> None:
    assert checkout.run("drift", github).returncode == 0
    assert "nas: as deployed. Its proof is off" in checkout.summary


def test_without_secrets_the_job_fails_and_names_them(
    checkout: Checkout, github: DummyForge
) -> None:
    checkout.variables = {}
    done = checkout.run("drift", github)
    assert done.returncode == 1
    assert "PULUMI_CONFIG_PASSPHRASE" in done.stderr


def test_the_canary_of_a_proof_reaches_nobody(checkout: Checkout, github: DummyForge) -> None:
    secret = {"newt-tunnel:newtSecret": {"value": "canary-3f9a1c", "secret": True}}
    checkout.say_pulumi(
        config={"stdout": json.dumps(secret)},
        stack_export={"stdout": STATE},
        up={"stderr": "sh: canary-3f9a1c: not found", "status": 1},
    )
    done = checkout.run("drift", github)
    assert "canary-3f9a1c" not in done.stdout + done.stderr + checkout.summary
    assert "sh: [secret]: not found" in checkout.summary


@pytest.mark.parametrize("folder", ["infra", "none"])
def test_the_folder_that_the_project_file_names_is_looked_at_and_may_not_be_empty(
    checkout: Checkout, github: DummyForge, folder: str
) -> None:
    checkout.git("mv", "stacks", "infra")
    project = checkout.folder / "Pulumi.yaml"
    project.write_text(project.read_text().replace("stacks", folder))
    checkout.commit("moved")
    done = checkout.run("drift", github)
    if folder == "infra":
        assert done.returncode == 0, done.stderr
        assert "nas: as deployed. Its proof is off" in checkout.summary
    else:
        assert done.returncode == 1
        assert "there is no stack file in none" in done.stderr
        assert checkout.asked_pulumi == []
