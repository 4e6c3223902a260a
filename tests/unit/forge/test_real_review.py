"""The review's job with the review itself: what a reviewer finds under a pull request."""

from __future__ import annotations

import shutil

import pytest

from newt_tunnel.stackfile.repository import PROGRAM
from tests.unit.forge.checkout import ROOT, Checkout
from tests.unit.forge.dummy import DummyForge

POSTGRES = "    - {name: postgres, host: 10.0.1.60, port: 5432}\n"
EGRESS = "  newt-tunnel:egress:\n"


@pytest.fixture
def real(checkout: Checkout) -> Checkout:
    """The whole program, with its example stacks, as the base of a pull request."""
    skip = shutil.ignore_patterns("__pycache__")
    for name in PROGRAM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, checkout.folder / name, ignore=skip, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / name, checkout.folder / name)
    checkout.base = checkout.head = checkout.commit("the program")
    return checkout


def widen(real: Checkout) -> None:
    file = "stacks/Pulumi.nas.yaml"
    text = (real.folder / file).read_text()
    # What must not be reached any more is in nobody's way.
    text = text.partition("  newt-tunnel:mustNotReach:")[0] + (
        "  newt-tunnel:docker:" + text.partition("  newt-tunnel:docker:")[2]
    )
    real.branch(**{file: text.replace(EGRESS, EGRESS + POSTGRES)})


def test_a_new_target_stands_in_the_comment(real: Checkout, github: DummyForge) -> None:
    widen(real)
    done = real.run("review", github)
    assert done.returncode == 0, done.stdout + done.stderr
    body = github.comments[0]["body"]
    assert "postgres" in body
    assert "10.0.1.60" in body
    assert "in reach: `k3s-home`" in body, "the other stack is as it was"


def test_a_repository_that_says_so_fails_a_review_that_widens(
    real: Checkout, github: DummyForge
) -> None:
    widen(real)
    real.variables = {"NEWT_REVIEW_FAIL_ON": "widened"}
    assert real.run("review", github).returncode == 1
    assert "postgres" in github.comments[0]["body"]


def test_a_stack_file_that_does_not_load_fails_the_job_and_says_why(
    real: Checkout, github: DummyForge
) -> None:
    file = "stacks/Pulumi.nas.yaml"
    text = (real.folder / file).read_text()
    real.branch(**{file: text.replace("port: 3000}", "port: 300000}")})
    assert real.run("review", github).returncode == 3
    assert "egress[0].port" in github.comments[0]["body"]


def test_a_ref_named_like_the_base_or_its_hash_hides_nothing(
    real: Checkout, github: DummyForge
) -> None:
    widen(real)
    for ref in ("refs/tags/main", f"refs/tags/{real.base}", f"refs/heads/{real.base}"):
        real.git("update-ref", ref, real.head)
    real.variables = {"NEWT_REVIEW_FAIL_ON": "widened"}
    assert real.run("review", github).returncode == 1
    assert "postgres" in github.comments[0]["body"]


def test_a_review_that_cannot_know_what_the_engine_reads_fails_the_job_and_says_why(
    real: Checkout, github: DummyForge
) -> None:
    real.branch(**{"Pulumi.json": "{}"})
    assert real.run("review", github).returncode == 2
    assert "more than one project file" in github.comments[0]["body"]
