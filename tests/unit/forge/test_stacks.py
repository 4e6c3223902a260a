"""Which stacks a diff touches."""

from __future__ import annotations

import re

import pytest

from newt_tunnel.stackfile.repository import BESIDE_PROGRAM, NOT_PROGRAM, PROGRAM
from newt_tunnel.tools.forge.errors import ForgeError
from newt_tunnel.tools.forge.stacks import Changed, all_stacks, changed
from tests.unit.forge.checkout import PROJECT, Checkout

BOTH = ("k3s-home", "nas")


INFRA = PROJECT.replace("stackConfigDir: stacks", "stackConfigDir: infra/deep")


def touched(checkout: Checkout, **files: str) -> Changed:
    checkout.branch(**files)
    return changed(checkout.base, checkout.head, checkout.folder)


def moved(checkout: Checkout) -> None:
    """The stack files, to where another folder is named; as the base."""
    (checkout.folder / "infra").mkdir()
    (checkout.folder / "stacks").rename(checkout.folder / "infra/deep")
    checkout.write("Pulumi.yaml", INFRA)
    checkout.base = checkout.commit("moved")


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
        ("newt_tunnel/docker_host/newt-egress/head.sh", BOTH),
        ("a-folder-nobody-knows/file", BOTH),
        ("file with\nnew line", BOTH),
    ],
)
def test_each_file_touches_its_stacks(
    checkout: Checkout, path: str, stacks: tuple[str, ...]
) -> None:
    text = f"{PROJECT}main: other\n" if path == "Pulumi.yaml" else "changed"
    assert touched(checkout, **{path: text}).stacks == stacks


def test_a_stack_that_was_removed_has_nothing_to_preview(checkout: Checkout) -> None:
    checkout.git("rm", "--quiet", "stacks/Pulumi.nas.yaml")
    assert touched(checkout).stacks == ()
    assert touched(checkout).gone == ("nas",)
    assert all_stacks(checkout.head, checkout.folder) == ("k3s-home",)


def test_a_stack_that_was_renamed_is_the_new_one(checkout: Checkout) -> None:
    checkout.git("mv", "stacks/Pulumi.nas.yaml", "stacks/Pulumi.attic.yaml")
    assert touched(checkout).stacks == ("attic",)
    assert touched(checkout).gone == ("nas",)


def test_the_folder_that_the_project_file_names_is_looked_at(checkout: Checkout) -> None:
    moved(checkout)
    assert touched(checkout, **{"infra/deep/Pulumi.nas.yaml": "config: {}\n"}).stacks == ("nas",)
    assert touched(checkout, **{"infra/deep/schema.json": "{}", "docs/a": ""}).stacks == ("nas",)
    assert touched(checkout, **{"stacks/Pulumi.nas.yaml": "config: {}\n"}).stacks == BOTH


def test_a_program_below_the_root_of_its_repository_is_found(checkout: Checkout) -> None:
    below = checkout.folder / "deploy"
    below.mkdir()
    for name in ("Pulumi.yaml", "stacks"):
        (checkout.folder / name).rename(below / name)
    checkout.base = checkout.commit("moved")
    checkout.branch(**{"deploy/stacks/Pulumi.nas.yaml": "config: {}\n"})
    assert changed(checkout.base, checkout.head, below).stacks == ("nas",)
    checkout.branch(**{"deploy/egress/model.py": ""})
    assert changed(checkout.base, checkout.head, below).stacks == BOTH


@pytest.mark.parametrize("ending", ["yml", "json"])
def test_every_spelling_of_the_files_is_found(checkout: Checkout, ending: str) -> None:
    checkout.write(f"Pulumi.{ending}", '{"name": "newt-tunnel", "stackConfigDir": "stacks"}')
    (checkout.folder / "Pulumi.yaml").unlink()
    for name in BOTH:
        checkout.write(f"stacks/Pulumi.{name}.{ending}", '{"config": {}}')
        (checkout.folder / f"stacks/Pulumi.{name}.yaml").unlink()
    checkout.base = checkout.commit("renamed")
    assert all_stacks("HEAD", checkout.folder) == BOTH
    changed_file = {f"stacks/Pulumi.nas.{ending}": '{"config": {"a:b": "c"}}'}
    assert touched(checkout, **changed_file).stacks == ("nas",)


@pytest.mark.parametrize(
    "config",
    [
        "newt-tunnel:blueprint: docs/plan.yaml",
        "newt-tunnel:blueprint: {file: ./docs/plan.yaml}",
        'newt-tunnel:blueprint: \'{"file": "docs/plan.yaml"}\'',
        'newt-tunnel:blueprint: "docs\\u002fplan.yaml"',
    ],
)
def test_a_blueprint_is_a_part_of_its_stack_wherever_it_lies(
    checkout: Checkout, config: str
) -> None:
    checkout.write("stacks/Pulumi.nas.yaml", f"config:\n  {config}\n")
    checkout.write("docs/plan.yaml", "a: 1\n")
    checkout.base = checkout.commit("with a blueprint")
    assert touched(checkout, **{"docs/other.yaml": "a: 2\n"}).stacks == ()
    assert touched(checkout, **{"docs/plan.yaml": "a: 2\n"}).stacks == BOTH


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("Pulumi.json", "{}", "more than one project file"),
        ("stacks/Pulumi.nas.json", "{}", "more than one file for a stack"),
        ("stacks/Pulumi.NAS.yaml", "", "more than one file for a stack"),
        ("stacks/Pulumi.new.yml", "", "the engine reads Pulumi.new.yaml"),
        ("Stacks/Pulumi.nas.yaml", "", "another spelling of stackConfigDir"),
        ("Pulumi.yaml", INFRA, "there is no stack file in infra/deep"),
        ("Pulumi.yaml", "[]", "Pulumi.yaml: is not a map of keys"),
    ],
)
def test_stack_files_that_are_not_clear_are_an_error(
    checkout: Checkout, path: str, text: str, told: str
) -> None:
    with pytest.raises(ForgeError, match=re.escape(told)):
        touched(checkout, **{path: text})
    with pytest.raises(ForgeError, match=re.escape(told)):
        all_stacks("HEAD", checkout.folder)
    # What puts it right touches all of them.
    checkout.base = checkout.head
    checkout.git("revert", "--no-edit", "HEAD")
    assert touched(checkout).stacks == BOTH


def test_a_folder_that_is_a_link_is_an_error(checkout: Checkout) -> None:
    (checkout.folder / "stacks").rename(checkout.folder / "elsewhere")
    (checkout.folder / "stacks").symlink_to("elsewhere")
    with pytest.raises(ForgeError, match="stacks: is no plain folder but a link"):
        touched(checkout)


@pytest.mark.parametrize("name", [*PROGRAM, *BESIDE_PROGRAM, "of-a-fork"])
def test_all_that_the_program_is_made_of_touches_every_stack(checkout: Checkout, name: str) -> None:
    path = name if "." in name else f"{name}/new-file"
    text = (checkout.folder / path).read_text() if (checkout.folder / path).exists() else ""
    assert touched(checkout, **{path: f"{text}# another line\n"}).stacks == BOTH


@pytest.mark.parametrize("name", NOT_PROGRAM)
def test_what_no_stack_is_made_of_touches_none(checkout: Checkout, name: str) -> None:
    path = name if (checkout.folder / name).is_file() else f"{name}/new-file"
    # What is ignored stays so: the checkout's own files are not part of the change.
    text = (checkout.folder / path).read_text() if (checkout.folder / path).exists() else ""
    assert touched(checkout, **{path: f"{text}another\n"}).stacks == ()
