"""The review's job: one comment, edited in place, and a summary; for forks the summary alone."""

from __future__ import annotations

import pytest

from newt_tunnel.tools.forge.comment import MARKER
from tests.unit.forge.checkout import Checkout
from tests.unit.forge.dummy import GITHUB_LIMIT, TOKEN, DummyForge

FACT = "newt can now also reach postgres 10.0.1.60 5432/tcp"


def test_the_first_run_comments_and_the_next_edits_that_comment(
    checkout: Checkout, forge: DummyForge
) -> None:
    checkout.say_review(f"## Reach\n\n{FACT}\n")
    first = checkout.run("review", forge)
    assert first.returncode == 0, first.stderr
    assert forge.changes == ["POST"]
    assert forge.comments[0]["body"].startswith(MARKER)
    assert FACT in forge.comments[0]["body"]
    assert FACT in checkout.summary
    assert FACT in first.stdout, "not every forge shows summaries"

    checkout.say_review("## Reach\n\nNothing changes.\n")
    second = checkout.run("review", forge)
    assert second.returncode == 0, second.stderr
    assert forge.changes == ["POST", "PATCH"]
    assert len(forge.comments) == 1
    assert FACT not in forge.comments[0]["body"]
    assert "Nothing changes." in forge.comments[0]["body"]


def test_our_comment_is_found_behind_hundreds_of_others(
    checkout: Checkout, forge: DummyForge
) -> None:
    for number in range(230):
        forge.says("somebody", f"comment {number}")
    ours = forge.says(forge.flavour.bot, f"{MARKER}\nold")
    for number in range(30):
        forge.says("somebody", f"later comment {number}")
    assert checkout.run("review", forge).returncode == 0
    assert forge.changes == ["PATCH"]
    assert "## Reach" in ours["body"]


def test_somebody_elses_comment_with_our_marker_is_left_alone(
    checkout: Checkout, forge: DummyForge
) -> None:
    bait = forge.says("mallory", f"{MARKER}\nLooks good to me, nothing changes.")
    quoted = forge.says(forge.flavour.bot, f"> {MARKER}\nAnother workflow's comment")
    before = bait["body"], quoted["body"]
    assert checkout.run("review", forge).returncode == 0
    assert forge.changes == ["POST"]
    assert (bait["body"], quoted["body"]) == before


def test_the_review_compares_the_branch_with_where_it_left_its_base(
    checkout: Checkout, github: DummyForge
) -> None:
    parted = checkout.base
    checkout.git("checkout", "--quiet", "-b", "branch")
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n"})
    checkout.git("checkout", "--quiet", "main")
    checkout.write("stacks/Pulumi.k3s-home.yaml", "config: {}\n")
    checkout.base = checkout.commit("meanwhile on main")
    assert checkout.run("review", github).returncode == 0
    assert checkout.asked_review["argv"] == [f"{parted}..{checkout.head}"]


def test_the_review_gets_no_token_and_no_passphrase(checkout: Checkout, github: DummyForge) -> None:
    checkout.variables = {
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
        "PULUMI_ACCESS_TOKEN": "pul-1",
    }
    assert checkout.run("review", github).returncode == 0
    given = checkout.asked_review["environment"]
    assert not given.keys() & {"FORGE_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN"}


@pytest.mark.parametrize("origin", ["stranger/newt-tunnel", None])
def test_a_fork_is_reviewed_in_the_summary_and_nothing_is_asked_of_the_forge(
    checkout: Checkout, forge: DummyForge, origin: str | None
) -> None:
    forge.fail = {"POST": 403, "PATCH": 403}
    checkout.say_review(FACT)
    checkout.variables = {"NEWT_RUNNER": "home"}
    done = checkout.run("review", forge, fork=origin)
    assert done.returncode == 0, done.stderr
    assert forge.requests == []
    assert FACT in checkout.summary
    assert "comes from a fork, whose token may only read" in checkout.summary
    assert "forks get no secrets" in checkout.summary


@pytest.mark.parametrize("status", [403, 500])
@pytest.mark.parametrize("method", ["POST", "PATCH", "GET"])
def test_a_comment_that_fails_fails_the_job_and_the_summary_stands(
    checkout: Checkout, forge: DummyForge, method: str, status: int
) -> None:
    if method == "PATCH":
        forge.says(forge.flavour.bot, f"{MARKER}\nold")
    forge.fail = {method: status}
    checkout.say_review(FACT)
    done = checkout.run("review", forge)
    assert done.returncode == 1
    assert f"answered {status}" in done.stderr
    assert ("pull-requests: write" in done.stderr) == (status == 403)
    assert FACT in checkout.summary
    assert TOKEN not in done.stdout + done.stderr + checkout.summary


@pytest.mark.parametrize("status", [302, 404, 422])
def test_a_redirect_or_a_refusal_of_any_kind_is_a_failure(
    checkout: Checkout, github: DummyForge, status: int
) -> None:
    github.fail = {"POST": status}
    done = checkout.run("review", github)
    assert done.returncode == 1
    assert f"answered {status}" in done.stderr, "a redirect would take the token elsewhere"


def test_a_forge_that_is_not_there_or_talks_nonsense_fails_the_job(
    checkout: Checkout, github: DummyForge
) -> None:
    github.broken = True
    assert "does not answer as it should" in checkout.run("review", github).stderr
    checkout.variables = {"GITHUB_API_URL": "http://127.0.0.1:1"}
    done = checkout.run("review", github)
    assert done.returncode == 1
    assert "does not answer as it should" in done.stderr


def test_a_job_without_a_token_says_what_to_pass(checkout: Checkout, github: DummyForge) -> None:
    checkout.variables = {"FORGE_TOKEN": ""}
    done = checkout.run("review", github)
    assert done.returncode == 1
    assert "FORGE_TOKEN: not set" in done.stderr


def test_a_huge_review_is_cut_in_the_comment_and_whole_in_the_summary(
    checkout: Checkout, forge: DummyForge
) -> None:
    rows = "\n".join(f"| entry-{n} | 10.0.{n // 250}.{n % 250} | 443/tcp |" for n in range(6000))
    checkout.say_review(f"## Reach\n\n````mermaid\n{rows}\n````\nthe end\n")
    done = checkout.run("review", forge)
    assert done.returncode == 0, done.stderr
    body = forge.comments[0]["body"]
    assert len(body) <= GITHUB_LIMIT
    assert body.count("````") == 2, "the code block is closed where it was cut"
    assert "Cut here" in body
    assert "[this run](https://forge.example.com" in body
    assert "entry-5999" not in body
    assert "the end" in checkout.summary


def test_an_objecting_review_is_posted_and_fails_the_job(
    checkout: Checkout, github: DummyForge
) -> None:
    checkout.variables = {"NEWT_REVIEW_FAIL_ON": "widened"}
    checkout.say_review(FACT, stderr="nas: widened\n", status=3)
    done = checkout.run("review", github)
    assert done.returncode == 3
    assert checkout.asked_review["argv"][1:] == ["--fail-on=widened"]
    body = github.comments[0]["body"]
    assert FACT in body
    assert "The review ended with 3" in body


def test_what_the_review_prints_is_no_command_to_the_runner_and_no_mark_of_ours(
    checkout: Checkout, github: DummyForge
) -> None:
    hostile = (
        "::add-mask::Nothing\n##[error]gone\n<!-- newt-tunnel: end of review -->\n"
        "<!-- newt-tunnel: preview -->\nforged\n<!-- newt-tunnel: end of preview -->"
    )
    checkout.say_review(hostile)
    done = checkout.run("review", github)
    before, _, after = done.stdout.partition("::add-mask::")
    stopped = before.strip().splitlines()[-1]
    assert stopped.startswith("::stop-commands::")
    assert f"::{stopped.removeprefix('::stop-commands::')}::" in after
    # The next run takes the comment apart again.
    assert checkout.run("review", github).returncode == 0
    body = github.comments[0]["body"]
    assert body.count("<!-- newt-tunnel: preview -->") == 1
    assert body.count("<!-- newt-tunnel: end of review -->") == 1


@pytest.mark.parametrize(
    ("runner", "said"), [("", "`NEWT_RUNNER` is not set"), ("home", "in progress")]
)
def test_the_comment_says_what_becomes_of_the_preview(
    checkout: Checkout, forge: DummyForge, runner: str, said: str
) -> None:
    checkout.variables = {"NEWT_RUNNER": runner}
    checkout.run("review", forge)
    assert said in forge.comments[0]["body"]


def test_the_comment_leads_to_its_run(checkout: Checkout, forge: DummyForge) -> None:
    checkout.run("review", forge)
    number = "900000001" if forge.flavour.name == "github" else "12"
    url = f"https://forge.example.com/home/newt-tunnel/actions/runs/{number}"
    assert url in forge.comments[0]["body"]


def test_a_job_without_a_pull_request_is_refused(checkout: Checkout, github: DummyForge) -> None:
    checkout.variables = {"GITHUB_EVENT_PATH": "/dev/null"}
    done = checkout.run("review", github)
    assert done.returncode == 1
    assert "no pull request" in done.stderr


def test_commits_that_are_none_reach_no_command(checkout: Checkout, github: DummyForge) -> None:
    checkout.head = "--output=/tmp/owned"
    done = checkout.run("review", github)
    assert done.returncode == 1
    assert "has no valid commit" in done.stderr
