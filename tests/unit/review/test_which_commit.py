"""On a real repository: a revision's name means one commit, or the review says that it does not."""

from __future__ import annotations

import pytest

from newt_tunnel.tools.review.command import main
from tests.unit.review.repository import NAS, Repository

USAGE = 2
WIDER = {"10.0.1.200/32": "10.0.1.192/28"}


@pytest.fixture
def widened(repository: Repository) -> Repository:
    repository.edit(NAS, WIDER)
    repository.commit()
    return repository


def run(
    repository: Repository, capsys: pytest.CaptureFixture[str], revisions: str
) -> tuple[int, str]:
    status = main(["-C", str(repository.folder), "--fail-on=widened", revisions])
    out, err = capsys.readouterr()
    return status, out + err


def hides(repository: Repository, ref: str) -> None:
    """What is new is compared with itself, if ``ref`` is taken for the base."""
    repository.git("update-ref", ref, "HEAD")


@pytest.mark.parametrize(
    "ref", ["refs/tags/main", "refs/main", "refs/remotes/main", "refs/remotes/main/HEAD"]
)
@pytest.mark.parametrize("base", ["main", "main~0", "main^{commit}", "main@{0}"])
@pytest.mark.parametrize("dots", ["..", "...", ""])
def test_a_name_that_shadows_the_base_is_an_error(
    widened: Repository, capsys: pytest.CaptureFixture[str], ref: str, base: str, dots: str
) -> None:
    hides(widened, ref)
    status, said = run(widened, capsys, f"{base}{dots}")
    assert status == USAGE
    assert "is ambiguous here, it can mean" in said
    assert ref in said
    assert "refs/heads/main" in said


@pytest.mark.parametrize("base", ["refs/heads/main", "refs/heads/main~0"])
def test_the_full_name_and_the_full_hash_of_the_base_are_what_they_say(
    widened: Repository, capsys: pytest.CaptureFixture[str], base: str
) -> None:
    commit = widened.git("rev-parse", "main")
    for ref in ("refs/tags/main", "refs/tags/refs/heads/main", f"refs/heads/{commit}"):
        hides(widened, ref)
    hides(widened, f"refs/tags/{commit}")
    for name in (base, commit):
        status, said = run(widened, capsys, f"{name}..HEAD")
        assert status == 1, said
        assert "**widened**" in said


def test_a_tag_is_no_branch_of_a_remote(
    widened: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    widened.git("update-ref", "refs/remotes/origin/main", "main")
    widened.git("branch", "-D", "main")
    hides(widened, "refs/tags/main")
    status, said = run(widened, capsys, "main..HEAD")
    assert status == USAGE, said
    assert "refs/tags/main, refs/remotes/origin/main" in said
    assert run(widened, capsys, "origin/main..HEAD")[0] == 1
    hides(widened, "refs/tags/origin/main")
    assert run(widened, capsys, "origin/main..HEAD")[0] == USAGE


def test_a_ref_that_is_called_like_a_short_hash_is_ambiguous(
    widened: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    short = widened.git("rev-parse", "main")[:8]
    assert run(widened, capsys, f"{short}..HEAD")[0] == 1
    hides(widened, f"refs/heads/{short}")
    status, said = run(widened, capsys, f"{short}..HEAD")
    assert status == USAGE
    assert "is ambiguous here" in said


@pytest.mark.parametrize("ref", ["refs/heads/HEAD", "refs/tags/HEAD"])
def test_no_ref_is_called_head(
    widened: Repository, capsys: pytest.CaptureFixture[str], ref: str
) -> None:
    widened.git("update-ref", "refs/remotes/origin/HEAD", "main")
    assert run(widened, capsys, "main..HEAD")[0] == 1
    hides(widened, ref)
    status, said = run(widened, capsys, "main..HEAD")
    assert (status, ref in said) == (USAGE, True)


@pytest.mark.parametrize("base", ["v1", "main", "HEAD~1", "@~1", "change~1", "refs/tags/v1"])
def test_a_name_that_means_one_commit_is_taken(
    widened: Repository, capsys: pytest.CaptureFixture[str], base: str
) -> None:
    widened.git("tag", "--annotate", "--message", "v1", "v1", "main")
    widened.git("update-ref", "refs/remotes/origin/main", "main")
    status, said = run(widened, capsys, f"{base}..")
    assert status == 1, said
