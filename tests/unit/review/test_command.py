"""The command: which revisions it takes, what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from newt_tunnel.tools.review.command import main
from tests.unit.review.repository import K3S_HOME, NAS, PROJECT, Repository, facts

_PRINTER = {"10.0.1.200/32": "10.0.1.192/28"}
_GITEA = "    - {name: gitea, host: 10.0.1.50, port: 3000}\n"


class Said:
    """What one run printed."""

    def __init__(
        self, repository: Repository, capsys: pytest.CaptureFixture[str], *arguments: str
    ) -> None:
        self.status = main(["-C", str(repository.folder), *arguments])
        self.out, self.err = capsys.readouterr()


def test_two_dots_compare_the_ends_and_three_the_branch_alone(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.edit(NAS, _PRINTER)
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.edit(NAS, {_GITEA: ""})
    repository.commit()
    two = Said(repository, capsys, "main..change").out
    assert "**newt can now also reach**" in two, "main has no gitea any more"
    three = Said(repository, capsys, "main...change").out
    assert "**newt can now also reach**" not in three
    assert "**widened**" in three
    repository.git("checkout", "--quiet", "change")
    assert facts(Said(repository, capsys, "main...").out) == facts(three), "HEAD, if left out"
    assert facts(Said(repository, capsys, "main..").out) == facts(two)
    assert "`HEAD" in Said(repository, capsys, "..main").out


def test_one_revision_is_compared_with_the_working_tree(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "No change in reach: `k3s-home`, `nas`." in Said(repository, capsys).out
    repository.edit(NAS, _PRINTER)
    for arguments in ((), ("HEAD",), ("main",)):
        said = Said(repository, capsys, *arguments)
        assert "to `the working tree`" in said.out
        assert "**widened**" in said.out
        assert "No change in reach: `k3s-home`." in said.out


@pytest.mark.parametrize(
    "revisions", ["--upload-pack=x..HEAD", "main..--all", "-x", "main..a b", "main..\x1b[31m"]
)
def test_a_revision_is_never_an_option(
    repository: Repository, capsys: pytest.CaptureFixture[str], revisions: str
) -> None:
    said = Said(repository, capsys, "--", revisions)
    assert said.status == 2
    assert said.out == ""
    assert "is not the name of a revision" in said.err
    assert "\x1b" not in said.err


def test_a_revision_that_is_not_there_is_an_error_with_a_remedy(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Said(repository, capsys, "mars..HEAD")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("review: mars: is no commit here; correct it, or fetch it")


def test_histories_without_a_common_ancestor_are_an_error(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.edit(NAS, _PRINTER)
    repository.commit()
    said = Said(repository, capsys, "main...other")
    assert said.status == 2
    assert "have no common ancestor here" in said.err
    assert Said(repository, capsys, "main..other").status == 0


def test_outside_a_repository_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(tmp_path), "a..b"]) == 2
    assert "not a git repository" in capsys.readouterr().err


def test_fail_on_widened_counts_more_reach_and_less_hold_and_nothing_else(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("main", "--fail-on", "widened")
    assert Said(repository, capsys, *arguments).status == 0
    repository.edit(NAS, {_GITEA: ""})
    assert Said(repository, capsys, *arguments).status == 0, "less reach is no widening"
    repository.edit(K3S_HOME, {"proof: enforce": "proof: warn"})
    assert Said(repository, capsys, *arguments).status == 1
    assert Said(repository, capsys, "main").status == 0, "only where it is asked for"
    assert Said(repository, capsys, *arguments, "--stack", "nas").status == 0
    repository.edit(NAS, _PRINTER)
    assert Said(repository, capsys, *arguments, "--stack=nas").status == 1


def test_a_file_that_does_not_load_is_named_with_its_revision_and_the_others_are_reviewed(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.edit(NAS, {"hook: prerouting": "hook: input"})
    repository.edit(K3S_HOME, {"proof: enforce": "proof: warn"})
    commit = repository.commit()
    said = Said(repository, capsys, "main..change", "--fail-on", "widened")
    assert said.status == 3
    assert said.err == (
        f"review: stacks/Pulumi.nas.yaml at change ({commit[:10]}) does not load: docker.hook: "
        "input: write one of prerouting, docker-user\n"
    )
    assert "- `docker.hook: input: write one of prerouting, docker-user`" in said.out
    assert "- `proof`: `enforce` → `warn`" in said.out
    # The other way round: what was wrong has been put right.
    said = Said(repository, capsys, "change..main")
    assert said.status == 3
    assert "at change" in said.err
    assert "```mermaid" in said.out


def test_json_has_everything_and_the_shape_that_is_documented(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.edit(NAS, _PRINTER)
    commit = repository.commit()
    found = json.loads(Said(repository, capsys, "main..change", "--json").out)
    assert list(found) == ["base", "head", "widened", "stacks", "notes"]
    assert found["head"] == {"name": "change", "commit": commit}
    assert found["widened"] is True
    k3s_home, nas = found["stacks"]
    assert (k3s_home["status"], nas["status"]) == ("unchanged", "changed")
    assert set(nas) == {
        *("stack", "file", "platform", "status", "added", "removed", "widened"),
        *("narrowed", "looser", "tighter", "moved", "hints", "doubts", "problems", "reach"),
    }
    [change] = nas["widened"]
    assert change["was"]["where"] == "10.0.1.200"
    assert change["difference"] == [
        {
            "where": ["10.0.1.192/29", "10.0.1.201", "10.0.1.202/31", "10.0.1.204/30"],
            "ports": ["631/tcp"],
        }
    ]
    documented = (PROJECT / "docs" / "review.md").read_text()
    for key in (*found, *nas, *change, *change["was"]):
        assert f"`{key}`" in documented, f"docs/review.md does not say what {key} is"


def test_a_project_in_a_subfolder_and_a_link_in_place_of_a_file(
    repository: Repository, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = repository.folder / "deep" / "er"
    folder.mkdir(parents=True)
    for name in ("Pulumi.yaml", "stacks"):
        (repository.folder / name).rename(folder / name)
    repository.commit()
    secret = tmp_path / "secret"
    secret.write_text("needle: 1\n")
    (folder / NAS).unlink()
    (folder / NAS).symlink_to(secret)
    (folder / K3S_HOME).write_text("x" * (1024 * 1024 + 1))
    repository.commit()
    for revisions in ("HEAD~1..HEAD", "HEAD~1"):
        assert main(["-C", str(folder), revisions]) == 3
        out, err = capsys.readouterr()
        assert "is no plain file" in err
        assert "1048577 bytes, more than" in err
        assert "needle" not in out + err


def test_what_a_hook_has_set_does_not_lead_to_another_repository(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", os.devnull)
    assert Said(repository, capsys, "main..change").status == 0


@pytest.mark.parametrize(
    ("variables", "command"),
    [
        (["BASE=main"], "-m newt_tunnel review --merge-base -- 'main'"),
        (["BASE=main", "HEAD=HEAD"], "-m newt_tunnel review -- 'main...HEAD'"),
        (["BASE=v1", "HEAD=x", "STACK=nas"], "-m newt_tunnel review --stack 'nas' -- 'v1...x'"),
    ],
)
def test_make_review_compares_a_branch_with_where_it_left_its_base(
    variables: list[str], command: str
) -> None:
    assert dry_run(PROJECT, *variables) == command


def test_make_review_finds_its_base_with_and_without_a_remote(
    repository: Repository, tmp_path: Path
) -> None:
    copy_makefile(repository.folder)
    assert dry_run(repository.folder) == "-m newt_tunnel review --merge-base -- 'main'"
    clone = tmp_path / "clone"
    repository.git("branch", "--move", "main", "trunk")
    assert dry_run(repository.folder) == "-m newt_tunnel review --merge-base -- 'HEAD'"
    repository.git("checkout", "--quiet", "trunk")
    repository.git("clone", "--quiet", str(repository.folder), str(clone))
    copy_makefile(clone)
    assert dry_run(clone) == "-m newt_tunnel review --merge-base -- 'origin/trunk'"


def copy_makefile(folder: Path) -> None:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(PROJECT / name, folder)
    (folder / "policies").mkdir()
    shutil.copy(PROJECT / "policies" / "requirements.txt", folder / "policies")


def dry_run(folder: Path, *variables: str) -> str:
    """The arguments of the last command of `make review`."""
    done = subprocess.run(
        ["make", "--dry-run", "review", *variables],
        cwd=folder,
        # As typed by a person, also where make runs the tests.
        env={key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return " ".join(done.stdout.replace("\\\n", "").splitlines()[-1].split()[1:])


def test_edits_that_are_not_committed_are_part_of_a_branch_and_a_broken_file_is_named(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.edit(K3S_HOME, {"proof: enforce": "proof: warn"})
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.edit(NAS, {_GITEA: ""})
    repository.commit()
    repository.git("checkout", "--quiet", "change")
    repository.edit(NAS, _PRINTER)
    said = Said(repository, capsys, "--merge-base", "main")
    assert (said.status, said.err) == (0, "")
    assert "to `the working tree`" in said.out
    assert "**newt can now also reach**" not in said.out, "main has moved on, this branch has not"
    assert "- `proof`: `enforce` → `warn`" in said.out, "what is committed"
    assert "`10.0.1.192/28`" in said.out, "what is not"
    repository.write(NAS, "config: {")
    said = Said(repository, capsys, "--merge-base", "main")
    assert said.status == 3
    assert said.err.startswith(
        f"review: {NAS} at the working tree does not load: line 1: is not YAML"
    )


def test_merge_base_takes_one_revision(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Said(repository, capsys, "--merge-base", "main..change")
    assert (said.status, said.out) == (2, "")
    assert "--merge-base takes one" in said.err


@pytest.mark.parametrize(
    "edit",
    [
        lambda repository: repository.edit(NAS, _PRINTER),
        lambda repository: repository.write(NAS, "config: {"),
        lambda repository: (repository.folder / NAS).unlink(),
    ],
    ids=["edited", "broken", "removed"],
)
def test_a_review_of_commits_says_which_files_the_working_tree_holds_otherwise(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    edit: Callable[[Repository], object],
) -> None:
    assert Said(repository, capsys, "main..change").err == ""
    edit(repository)
    for arguments in ("main..change", "main...HEAD"):
        said = Said(repository, capsys, arguments)
        assert said.status == 0
        assert said.err == (
            f"review: {NAS}: differs in the working tree, and this review compares commits; to "
            "review the working tree, name the base alone\n"
        )
    repository.git("branch", "elsewhere")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "more")
    assert Said(repository, capsys, "main..elsewhere").err == "", "it is not what is checked out"


def test_files_beside_the_stack_files_count_as_edits_and_line_ends_do_not(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    blueprint = "stacks/blueprint.nas.yaml"
    shutil.copy(PROJECT / blueprint, repository.folder / blueprint)
    entries = (repository.folder / NAS).read_text()
    start = entries.index("  newt-tunnel:egress:")
    end = entries.index("  # Renders no rule", start)
    repository.edit(
        NAS,
        {
            entries[start:end]: "  newt-tunnel:blueprint: "
            f"{{file: {blueprint}, site: 2ix2t8xk22ubpfy}}\n"
        },
    )
    repository.commit()
    file = repository.folder / NAS
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert Said(repository, capsys, "main..HEAD").err == ""
    for path in (blueprint, "Pulumi.yaml", "stacks/Pulumi.other.yaml"):
        with (repository.folder / path).open("a") as out:
            out.write("# more\n")
    said = Said(repository, capsys, "main..HEAD").err
    assert [line.split(": ")[1] for line in said.splitlines()] == [
        "Pulumi.yaml",
        "stacks/Pulumi.other.yaml",
        blueprint,
    ]


def test_a_folder_of_stacks_outside_the_repository_is_refused(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.edit("Pulumi.yaml", {"stackConfigDir: stacks": "stackConfigDir: ../../.."})
    repository.commit()
    said = Said(repository, capsys, "main..change")
    assert said.status == 2
    assert "lies outside the repository" in said.err
