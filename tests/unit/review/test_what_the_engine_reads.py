"""On a real repository: the review reads the files that Pulumi's engine reads, or says that it
cannot know, and never passes over one.

What the engine reads is in sdk/go/common/workspace/paths.go of Pulumi 3.254.0.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from newt_tunnel.stackfile import stacks, yaml_document
from newt_tunnel.stackfile.revisions import WorkingTree
from newt_tunnel.tools.review.command import main
from tests.unit.review.repository import K3S_HOME, NAS, Repository

WIDER = {"10.0.1.200/32": "10.0.1.192/28"}
LOADED, MATCHED, USAGE, UNLOADABLE = 0, 1, 2, 3


class Said:
    def __init__(
        self, repository: Repository, capsys: pytest.CaptureFixture[str], *revisions: str
    ) -> None:
        arguments = revisions or ("main..change",)
        self.status = main(["-C", str(repository.folder), "--fail-on=widened", *arguments])
        self.out, self.err = capsys.readouterr()
        self.text = self.out + self.err


Change = Callable[[Repository], None]


def rename_all(ending: str) -> Change:
    """The project and all stacks, as they are."""

    def change(repository: Repository) -> None:
        for name in ("Pulumi.yaml", NAS, K3S_HOME):
            file = repository.folder / name
            if ending == ".json":
                file.write_text(json.dumps(yaml_document.mapping(file.read_text())))
            file.rename(file.with_suffix(ending))

    return change


def copied(old: str, new: str) -> Change:
    def change(repository: Repository) -> None:
        (repository.folder / new).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository.folder / old, repository.folder / new)

    return change


def renamed(old: str, new: str) -> Change:
    def change(repository: Repository) -> None:
        (repository.folder / new).parent.mkdir(parents=True, exist_ok=True)
        (repository.folder / old).rename(repository.folder / new)

    return change


def written(name: str, text: str) -> Change:
    return lambda repository: repository.write(name, text)


def linked(name: str, target: str) -> Change:
    def change(repository: Repository) -> None:
        place = repository.folder / name
        place.rename(repository.folder / target)
        place.symlink_to(target)

    return change


def submodule(name: str) -> Change:
    """In place of what is there, without a network: an entry of the index is all there is to it."""

    def change(repository: Repository) -> None:
        head = repository.git("rev-parse", "HEAD")
        repository.git("rm", "-rq", name)
        (repository.folder / name).mkdir(parents=True)
        repository.git("update-index", "--add", "--cacheinfo", f"160000,{head},{name}")
        repository.git("commit", "--quiet", "--message", "change")

    return change


def both(*changes: Change) -> Change:
    def change(repository: Repository) -> None:
        for one in changes:
            one(repository)

    return change


@pytest.mark.parametrize("ending", [".yml", ".json"])
def test_every_spelling_that_the_engine_knows_is_read(
    repository: Repository, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    rename_all(ending)(repository)
    repository.commit()
    said = Said(repository, capsys)
    assert (said.status, said.err) == (LOADED, "")
    assert "No change in reach: `k3s-home`, `nas`." in said.out
    nas = NAS.replace(".yaml", ending)
    file = repository.folder / nas
    file.write_text(file.read_text().replace("10.0.1.200/32", "10.0.1.192/28"))
    repository.commit()
    said = Said(repository, capsys)
    assert said.status == MATCHED
    assert "10.0.1.192/28" in said.out
    assert f"`{nas}`" in said.out
    assert Said(repository, capsys, "main").status == MATCHED, "the working tree, too"


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        pytest.param(
            copied("Pulumi.yaml", "Pulumi.json"),
            USAGE,
            "Pulumi.json, Pulumi.yaml: more than one project file",
            id="a project file that comes first",
        ),
        pytest.param(
            copied("Pulumi.yaml", "Pulumi.yml"),
            USAGE,
            "Pulumi.yaml, Pulumi.yml: more than one project file",
            id="a project file that comes later",
        ),
        pytest.param(
            copied("Pulumi.yaml", "pulumi.JSON"),
            USAGE,
            "pulumi.JSON, Pulumi.yaml: more than one project file",
            id="a project file that comes first on some disks",
        ),
        pytest.param(
            renamed("Pulumi.yaml", "pulumi.yaml"),
            USAGE,
            "pulumi.yaml: only some disks take it",
            id="a project file on some disks only",
        ),
        pytest.param(
            both(copied("Pulumi.yaml", "Pulumi.json"), copied(NAS, "stacks/Pulumi.nas.json")),
            USAGE,
            "more than one project file",
            id="both in JSON",
        ),
        *(
            pytest.param(
                copied(NAS, f"stacks/{other}"),
                UNLOADABLE,
                f"{names}: more than one file for a stack",
                id=f"a second stack file {other!a}",
            )
            for other, names in (
                ("Pulumi.nas.json", "Pulumi.nas.json, Pulumi.nas.yaml"),
                ("Pulumi.nas.yml", "Pulumi.nas.yaml, Pulumi.nas.yml"),
                ("Pulumi.NAS.yaml", "Pulumi.NAS.yaml, Pulumi.nas.yaml"),
                ("pulumi.nas.yaml", "Pulumi.nas.yaml, pulumi.nas.yaml"),
                ("Pulumi.nas.YAML", "Pulumi.nas.YAML, Pulumi.nas.yaml"),
                ("Pulumi.na\u017f.yaml", "Pulumi.nas.yaml, Pulumi.na\u017f.yaml"),
                ("Pulumi.nas.yaml.", "Pulumi.nas.yaml, Pulumi.nas.yaml."),
                # Not seen, so not shown.
                ("Pulumi.na\u200bs.yaml", "Pulumi.nas.yaml, Pulumi.na s.yaml"),
            )
        ),
        *(
            pytest.param(
                renamed(NAS, f"stacks/{other}"),
                UNLOADABLE,
                f"{other}: the engine reads Pulumi.nas.yaml, because the project file is",
                id=f"the stack file as {other}",
            )
            for other in ("Pulumi.nas.yml", "Pulumi.nas.json", "pulumi.nas.yaml", "Pulumi.nas.Yaml")
        ),
        pytest.param(
            both(renamed("stacks", "moved"), renamed("moved", "Stacks")),
            USAGE,
            "Stacks: is another spelling of stackConfigDir stacks",
            id="the folder on some disks only",
        ),
        pytest.param(
            copied(NAS, "STACKS/Pulumi.nas.yaml"),
            USAGE,
            "STACKS: is another spelling of stackConfigDir stacks",
            id="a second spelling of the folder",
        ),
        pytest.param(
            linked("stacks", "elsewhere"),
            USAGE,
            "stacks: is no plain folder but a link",
            id="the folder as a link",
        ),
        pytest.param(
            submodule("stacks"),
            USAGE,
            "stacks: is no plain folder but a link, a file or a submodule",
            id="the folder as a submodule",
        ),
        pytest.param(
            linked(NAS, "elsewhere.yaml"),
            UNLOADABLE,
            "is no plain file but a link",
            id="a stack file as a link",
        ),
        pytest.param(
            submodule(NAS),
            UNLOADABLE,
            "is no plain file but a link, a folder or a submodule",
            id="a stack file as a submodule",
        ),
        pytest.param(
            linked("Pulumi.yaml", "elsewhere.yaml"),
            USAGE,
            "Pulumi.yaml: is no plain file but a link",
            id="the project file as a link",
        ),
        pytest.param(
            both(renamed("stacks", "infra/stacks"), linked("infra", "elsewhere")),
            LOADED + MATCHED,
            "The stack file is gone",
            id="stack files that moved out of stackConfigDir",
        ),
    ],
)
def test_what_the_engine_may_read_otherwise_is_no_good_review(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    change: Change,
    status: int,
    told: str,
) -> None:
    change(repository)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "change")
    said = Said(repository, capsys)
    assert (said.status, told in said.text) == (status, True), said.text
    assert "No change in reach: `k3s-home`, `nas`" not in said.out


@pytest.mark.parametrize("name", ["infra", "infra/deep"])
def test_a_link_above_the_folder_of_the_stacks_is_found(
    repository: Repository, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    renamed("stacks", "infra/deep/stacks")(repository)
    repository.edit("Pulumi.yaml", {"stackConfigDir: stacks": "stackConfigDir: infra/deep/stacks"})
    repository.commit()
    assert Said(repository, capsys).status == LOADED
    linked(name, "infra/elsewhere" if "/" in name else "elsewhere")(repository)
    if "/" in name:
        (repository.folder / name).unlink()
        (repository.folder / name).symlink_to("elsewhere")
    for revisions in ("main..change", "main"):
        if revisions == "main..change":
            repository.commit()
        said = Said(repository, capsys, revisions)
        assert said.status == USAGE
        assert "is no plain folder" in said.err


def test_a_second_spelling_is_found_in_the_working_tree_too(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(NAS, "stacks/Pulumi.nas.json")(repository)
    said = Said(repository, capsys, "HEAD")
    assert said.status == UNLOADABLE
    assert "Pulumi.nas.json, Pulumi.nas.yaml: more than one file for a stack" in said.err


def test_a_project_file_above_is_the_engines_where_there_is_none_here(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = repository.folder / "deep" / "er"
    folder.mkdir(parents=True)
    (folder / "notes").write_text("")
    repository.commit()
    for revisions in ("main..change", "main"):
        assert main(["-C", str(folder), revisions]) == USAGE
        assert "../../Pulumi.yaml: the engine reads this one" in capsys.readouterr().err


def test_a_stack_that_disappears_is_a_change_to_look_at(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.git("rm", "-q", NAS)
    repository.commit()
    said = Said(repository, capsys)
    assert said.status == MATCHED
    assert "The stack file is gone" in said.out
    repository.git("rm", "-rq", "stacks", "Pulumi.yaml")
    repository.commit()
    said = Said(repository, capsys)
    assert said.status == MATCHED
    assert said.out.count("The stack file is gone") == 2


def test_a_project_without_a_stack_is_nothing_to_review(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.git("rm", "-rq", "stacks")
    repository.commit()
    said = Said(repository, capsys, "HEAD..HEAD")
    assert said.status == USAGE
    assert "there is no stack file, neither at" in said.err


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("*.yaml filter=lfs diff=lfs merge=lfs -text", "filter=lfs"),
        ("* filter=evil", "filter=evil"),
        ("/stacks/** working-tree-encoding=ISO-8859-1", "working-tree-encoding=ISO-8859-1"),
        ("*.yaml ident", "ident=set"),
        ("*.yaml text eol=crlf", "eol=crlf"),
        ("Pulumi.nas.yaml export-subst", "export-subst=set"),
        ("Pulumi.nas.yaml export-ignore", "export-ignore=set"),
        ("[attr]harmless filter=evil\n*.yaml harmless", "filter=evil"),
    ],
)
@pytest.mark.parametrize("place", [".gitattributes", "stacks/.gitattributes"])
def test_an_attribute_by_which_a_checkout_holds_another_text_is_a_risk(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    line: str,
    what: str,
    place: str,
) -> None:
    if place != ".gitattributes" and ("[attr]" in line or line.startswith("/")):
        line = "*.yaml " + what.replace("=set", "")
    repository.write(place, f"{line}\n")
    repository.commit()
    said = Said(repository, capsys)
    assert said.status == MATCHED, said.text
    assert f"- Risk: `{NAS}: has the attribute {what}: " in said.out
    # What is checked out already is what the engine reads.
    repository.git("checkout", "--quiet", "main")
    assert Said(repository, capsys, "HEAD").status == LOADED


def test_an_attribute_of_the_blueprint_and_of_the_project_file_counts(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("Plan.yaml", "public-resources: {}\n")
    text = (repository.folder / NAS).read_text()
    repository.write(NAS, f"{text}  newt-tunnel:blueprint: Plan.yaml\n")
    base = repository.commit()
    repository.write(".gitattributes", "Plan.yaml filter=lfs\nPulumi.yaml ident\n")
    repository.commit()
    said = Said(repository, capsys, f"{base}..change")
    assert said.status == MATCHED
    assert "`Plan.yaml: has the attribute filter=lfs" in said.out
    assert "`Pulumi.yaml: has the attribute ident=set" in said.out
    assert said.out.count("Risk: `Plan.yaml") == 1, "the other stack does not read it"


@pytest.mark.parametrize(
    "line", ["* text=auto", "*.yaml text eol=lf", "*.yaml -filter !ident -diff", "*.png filter=lfs"]
)
def test_an_attribute_that_changes_nothing_that_is_read_is_no_risk(
    repository: Repository, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    repository.write(".gitattributes", f"{line}\n")
    repository.commit()
    assert Said(repository, capsys).status == LOADED


@pytest.mark.parametrize(
    "change",
    [
        written(".GitAttributes", "*.yaml filter=evil\n"),
        written("stacks/.gitattributeS", "*.yaml filter=evil\n"),
        both(written(".gitattributes", ""), linked(".gitattributes", "attributes")),
        copied("Pulumi.yaml", "PLAN.yaml"),
    ],
    ids=["another case", "in the folder", "a link", "a second spelling of the blueprint"],
)
def test_what_only_some_checkouts_take_is_a_risk(
    repository: Repository, capsys: pytest.CaptureFixture[str], change: Change
) -> None:
    repository.write("Plan.yaml", "public-resources: {}\n")
    text = (repository.folder / NAS).read_text()
    repository.write(NAS, f"{text}  newt-tunnel:blueprint: Plan.yaml\n")
    base = repository.commit()
    change(repository)
    repository.commit()
    said = Said(repository, capsys, f"{base}..change")
    assert said.status == MATCHED, said.text
    assert "a checkout may differ from the text" in said.out


def test_the_mode_of_a_file_says_nothing(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository.folder / NAS).chmod(0o755)
    repository.commit()
    assert Said(repository, capsys).status == LOADED


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"config": {}, "config": {"newt-tunnel:proof": "off"}}', "a key that is there twice"),
        ('{"CONFIG": {"newt-tunnel:proof": "off"}}', "config: write it in this spelling"),
        ('{"config": {"newt-tunnel:proof": NaN}}', "NaN is no number in JSON"),
        ('{"config": ', "is not JSON"),
        ("[" * 100_000, "is not JSON that can be read"),
        ("config: {}", "line 1: is not JSON"),
    ],
)
def test_json_that_another_reader_takes_otherwise_is_a_problem(
    repository: Repository, capsys: pytest.CaptureFixture[str], text: str, problem: str
) -> None:
    rename_all(".json")(repository)
    repository.write("stacks/Pulumi.nas.json", text)
    repository.commit()
    said = Said(repository, capsys)
    assert said.status == UNLOADABLE
    assert problem in said.err


def test_a_byte_order_mark_is_no_text(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    rename_all(".json")(repository)
    for name in ("Pulumi.json", "stacks/Pulumi.nas.json"):
        file = repository.folder / name
        file.write_text("\ufeff" + file.read_text())
    repository.commit()
    assert Said(repository, capsys).status == LOADED


def test_what_else_changes_in_the_project_file_is_told(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (repository.folder / "Pulumi.yaml").read_text()
    text += "backend: {url: 'https://state.example.com'}\nconfig: {docker:host: 'tcp://x'}\n"
    repository.write("Pulumi.yaml", text)
    repository.commit()
    said: Any = Said(repository, capsys)
    assert "Pulumi.yaml: backend changed" in said.out
    assert "Pulumi.yaml: config docker:host changed" in said.out


def test_the_other_readers_ask_the_same_module(repository: Repository) -> None:
    """`make suggest` and `make check-blueprint`."""
    state = WorkingTree(repository.folder, prefix="")
    renamed("stacks", "infra/deep")(repository)
    repository.edit("Pulumi.yaml", {"stackConfigDir: stacks": "stackConfigDir: infra/deep"})
    project, _ = stacks.settings_of("nas", state)
    assert project.folder == "infra/deep"
    copied("infra/deep/Pulumi.nas.yaml", "infra/deep/Pulumi.nas.json")(repository)
    with pytest.raises(stacks.NotLoadedError, match="more than one file for a stack"):
        stacks.settings_of("nas", state)
    stacks.settings_of("k3s-home", state)
    linked("infra", "elsewhere")(repository)
    with pytest.raises(stacks.NotLoadedError, match="infra/deep: is no plain folder"):
        stacks.settings_of("k3s-home", state)
    copied("Pulumi.yaml", "Pulumi.json")(repository)
    with pytest.raises(stacks.NotLoadedError, match="more than one project file"):
        stacks.settings_of("k3s-home", state)
