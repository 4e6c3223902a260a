"""Which stacks a diff touches."""

from __future__ import annotations

import pytest

from forge.stacks import BESIDE, Changed, all_stacks, changed
from tests.deployment import PROGRAM
from tests.unit.forge.checkout import Checkout

BOTH = ("k3s-home", "nas")


def touched(checkout: Checkout, **files: str) -> Changed:
    checkout.branch(**files)
    return changed(checkout.base, checkout.head, checkout.folder)


@pytest.mark.parametrize(
    ("path", "stacks"),
    [
        ("stacks/Pulumi.nas.yaml", ("nas",)),
        ("stacks/Pulumi.k3s-home.yaml", ("k3s-home",)),
        ("stacks/Pulumi.new.yaml", ("new",)),
        ("stacks/schema.json", ()),
        ("stacks/blueprint.yaml", BOTH),
        ("docs/threat-model.md", ()),
        ("tests/unit/test_more.py", ()),
        ("README.md", ()),
        ("requirements.txt", BOTH),
        ("Pulumi.yaml", BOTH),
        ("host/newt-egress", BOTH),
        ("a-folder-nobody-knows/file", BOTH),
        ("file with\nnew line", BOTH),
    ],
)
def test_each_file_touches_its_stacks(
    checkout: Checkout, path: str, stacks: tuple[str, ...]
) -> None:
    assert touched(checkout, **{path: "changed"}).stacks == stacks


def test_a_stack_that_was_removed_has_nothing_to_preview(checkout: Checkout) -> None:
    checkout.git("rm", "--quiet", "stacks/Pulumi.nas.yaml")
    assert touched(checkout).stacks == ()
    assert all_stacks(checkout.head, checkout.folder) == ("k3s-home",)


def test_a_stack_that_was_renamed_is_the_new_one(checkout: Checkout) -> None:
    checkout.git("mv", "stacks/Pulumi.nas.yaml", "stacks/Pulumi.attic.yaml")
    assert touched(checkout).stacks == ("attic",)


def test_nothing_that_the_program_is_made_of_counts_as_beside_it() -> None:
    assert not BESIDE & set(PROGRAM)
