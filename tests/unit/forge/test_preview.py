"""The preview's job: every changed stack, and never a secret."""

from __future__ import annotations

import base64
import json
import re

import pytest

from newt_tunnel.tools.forge.comment import MARKER
from tests.unit.forge.checkout import Checkout
from tests.unit.forge.dummy import GITHUB_LIMIT, REPOSITORY, DummyForge

CANARY = "canary-3f9a1c\nsecond-line-of-the-canary"
PASSPHRASE = "the-passphrase-of-ci"
CONFIG = json.dumps(
    {
        "newt-tunnel:newtSecret": {"value": CANARY, "secret": True},
        "newt-tunnel:kubeconfig": {
            "value": "users:\n- user:\n    token: eyJhbGciOiJSUzI1NiIsImtpZCI6Ik\n",
            "secret": True,
        },
        "newt-tunnel:nested": {
            "value": "{}",
            "objectValue": {"deep": ["a-nested-secret-value"]},
            "secret": True,
        },
        "newt-tunnel:platform": {"value": "docker", "secret": False},
    }
)


@pytest.fixture(autouse=True)
def _opened(checkout: Checkout) -> None:
    checkout.variables = {"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE, "NEWT_RUNNER": "home"}


def stacks_asked(checkout: Checkout) -> list[str]:
    return [
        word.removeprefix("--stack=")
        for asked in checkout.asked_pulumi
        if asked["argv"][0] == "preview"
        for word in asked["argv"]
        if word.startswith("--stack=")
    ]


def test_only_the_changed_stack_is_previewed(checkout: Checkout, forge: DummyForge) -> None:
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n", "docs/notes.md": "text"})
    checkout.say_pulumi(preview={"stdout": "~ command:remote:Command: (update)\n"})
    done = checkout.run("preview", forge)
    assert done.returncode == 0, done.stderr
    assert stacks_asked(checkout) == ["nas"]
    assert "--policy-pack=policies" in checkout.asked_pulumi[-1]["argv"]
    assert "~ command:remote:Command: (update)" in forge.comments[0]["body"]
    assert "~ command:remote:Command: (update)" in checkout.summary


def test_a_changed_program_previews_every_stack(checkout: Checkout, github: DummyForge) -> None:
    checkout.branch(**{"newt_tunnel/egress/model.py": "changed"})
    assert checkout.run("preview", github).returncode == 0
    assert stacks_asked(checkout) == ["k3s-home", "nas"]
    assert (
        "because the program changes (`newt_tunnel/egress/model.py`)" in github.comments[0]["body"]
    )


def test_the_preview_takes_its_part_of_the_reviews_comment(
    checkout: Checkout, forge: DummyForge
) -> None:
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n"})
    checkout.say_review("what changes in reach")
    checkout.run("review", forge)
    # As a browser sends it back.
    forge.comments[0]["body"] = forge.comments[0]["body"].replace("\n", "\r\n")
    done = checkout.run("preview", forge)
    assert done.returncode == 0, done.stderr
    assert forge.changes == ["POST", "PATCH"]
    body = forge.comments[0]["body"]
    assert body.startswith(MARKER)
    assert "what changes in reach" in body
    assert "12 unchanged" in body
    assert "in progress" not in body


def leaking(text: str) -> dict[str, object]:
    return {"stdout": f"out: {text}\n", "stderr": f"error: {text}\n"}


@pytest.mark.parametrize("status", [0, 1])
@pytest.mark.parametrize(
    "leak",
    [
        CANARY,
        CANARY.splitlines()[1],
        json.dumps(CANARY),
        base64.b64encode(CANARY.encode()).decode(),
        "token eyJhbGciOiJSUzI1NiIsImtpZCI6Ik in a traceback",
        "a-nested-secret-value",
        PASSPHRASE,
    ],
)
def test_a_secret_that_the_engine_lets_out_reaches_nobody(
    checkout: Checkout, github: DummyForge, leak: str, status: int
) -> None:
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n"})
    checkout.say_pulumi(config={"stdout": CONFIG}, preview={**leaking(leak), "status": status})
    done = checkout.run("preview", github)
    assert done.returncode == status
    everywhere = done.stdout + done.stderr + checkout.summary + github.everything_said_to_it
    assert "[secret]" in everywhere
    decoded = everywhere.encode().decode("unicode_escape", errors="replace")
    for secret in (leak, *CANARY.splitlines(), PASSPHRASE, "eyJhbGciOiJSUzI1NiIsImtpZCI6Ik"):
        assert secret not in everywhere
        assert secret not in decoded


def test_a_stack_whose_secrets_cannot_be_read_is_not_previewed(
    checkout: Checkout, github: DummyForge
) -> None:
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n"})
    checkout.say_pulumi(
        config={"stderr": f"error: incorrect passphrase {PASSPHRASE}", "status": 255}
    )
    done = checkout.run("preview", github)
    assert done.returncode == 1
    assert stacks_asked(checkout) == [], "what is secret is not known, so nothing may be shown"
    body = github.comments[0]["body"]
    assert "the preview failed" in body
    assert "incorrect passphrase [secret]" in body


def test_a_failed_preview_is_posted_and_fails_the_job(
    checkout: Checkout, forge: DummyForge
) -> None:
    checkout.branch(**{"newt_tunnel/egress/model.py": "changed"})
    checkout.say_pulumi(preview={"stdout": "error: egress[0].port: nonsense\n", "status": 1})
    done = checkout.run("preview", forge)
    assert done.returncode == 1
    assert forge.comments[0]["body"].count("the preview failed") == 2
    assert "egress[0].port" in forge.comments[0]["body"]


def test_a_huge_preview_fits_into_the_comment(checkout: Checkout, forge: DummyForge) -> None:
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n"})
    checkout.say_review("r" * 70_000)
    checkout.say_pulumi(preview={"stdout": "+ a line of a diff\n" * 20_000})
    assert checkout.run("review", forge).returncode == 0
    assert checkout.run("preview", forge).returncode == 0
    body = forge.comments[0]["body"]
    assert len(body) <= GITHUB_LIMIT
    assert body.count("<details>") == body.count("</details>") == 1


def test_a_preview_cannot_end_its_code_block(checkout: Checkout, github: DummyForge) -> None:
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n"})
    checkout.say_pulumi(preview={"stdout": "```\n</details>\n# Approved by @everyone\n````\n"})
    checkout.run("preview", github)
    assert "`````diff\n```\n" in github.comments[0]["body"]


def test_without_secrets_the_preview_says_so_and_runs_nothing(
    checkout: Checkout, forge: DummyForge
) -> None:
    checkout.variables = {}
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n"})
    assert checkout.run("preview", forge).returncode == 0
    assert checkout.asked_pulumi == []
    assert "has none of the secrets" in forge.comments[0]["body"]


def test_pulumi_gets_neither_the_forges_token_nor_an_empty_passphrase(
    checkout: Checkout, github: DummyForge
) -> None:
    checkout.variables = {"PULUMI_ACCESS_TOKEN": "pul-1234567890"}
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n"})
    checkout.run("preview", github)
    for asked in checkout.asked_pulumi:
        assert asked["environment"]["PULUMI_ACCESS_TOKEN"] == "pul-1234567890"
        assert not asked["environment"].keys() & {"FORGE_TOKEN", "PULUMI_CONFIG_PASSPHRASE"}


@pytest.mark.parametrize("origin", ["stranger/newt-tunnel", None])
def test_a_fork_is_never_previewed_even_if_the_workflow_forgets(
    checkout: Checkout, github: DummyForge, origin: str | None
) -> None:
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n"})
    done = checkout.run("preview", github, fork=origin)
    assert done.returncode == 1
    assert checkout.asked_pulumi == []
    assert github.requests == []
    assert REPOSITORY not in checkout.asked_pulumi


@pytest.mark.parametrize(
    "name", ["$(touch owned)", "nas;touch owned", "--version", "a\nb", "`id`", "x" * 120]
)
def test_a_hostile_stack_name_is_refused_by_name_and_runs_nothing(
    checkout: Checkout, github: DummyForge, name: str
) -> None:
    checkout.branch(**{f"stacks/Pulumi.{name}.yaml": "config: {}\n"})
    done = checkout.run("preview", github)
    assert done.returncode == 1
    assert checkout.asked_pulumi == []
    assert "is not the file of a stack" in done.stderr
    assert "\nb" not in done.stderr
    assert not list(checkout.folder.rglob("owned"))


def test_the_preview_looks_into_the_folder_that_the_project_file_names(
    checkout: Checkout, github: DummyForge
) -> None:
    checkout.git("mv", "stacks", "infra")
    project = checkout.folder / "Pulumi.yaml"
    project.write_text(project.read_text().replace("stacks", "infra"))
    checkout.base = checkout.commit("moved")
    checkout.branch(**{"infra/Pulumi.nas.yaml": "config: {}\n"})
    assert checkout.run("preview", github).returncode == 0
    assert stacks_asked(checkout) == ["nas"]


def test_a_stack_that_is_gone_is_said_and_one_that_is_left_previewed(
    checkout: Checkout, forge: DummyForge
) -> None:
    checkout.git("rm", "--quiet", "stacks/Pulumi.nas.yaml")
    checkout.branch()
    assert checkout.run("preview", forge).returncode == 0
    assert "the stack file of `nas` is gone" in forge.comments[0]["body"]
    checkout.git("rm", "--quiet", "stacks/Pulumi.k3s-home.yaml")
    checkout.branch()
    done = checkout.run("preview", forge)
    assert done.returncode == 1, "nothing is left to look at"
    assert "there is no stack file in stacks" in done.stderr
    assert "there is no stack file in stacks" in forge.comments[0]["body"]


@pytest.mark.parametrize(
    "path",
    [
        "<img src=x onerror=alert(1)>",
        "@everyone",
        "a`b` **c** [d](javascript:e)",
        "</details>\n# Approved",
        "www.example.com",
        "-->",
    ],
)
def test_a_path_of_the_branch_is_no_markup_in_the_comment(
    checkout: Checkout, github: DummyForge, path: str
) -> None:
    checkout.branch(**{f"0/{path}/file": ""})
    assert checkout.run("preview", github).returncode == 0
    body = github.comments[0]["body"]
    [said] = re.findall(r"because the program changes \((`+)(.*?)\1\):\n", body)
    assert said[1].strip().startswith("0/")
    lines = [line.split(">")[0] for line in body.splitlines()]
    assert lines.count("</details") == lines.count("<details") == 2
    assert "\n# Approved" not in body


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG"),
        ("PULUMI_BACKEND_URL", "https://ci:wJalrXUtnFEMI@state.example.com"),
        ("PULUMI_CONFIG_PASSPHRASE_FILE", "passphrase-file"),
    ],
)
def test_what_the_job_itself_was_given_reaches_nobody(
    checkout: Checkout, github: DummyForge, key: str, value: str
) -> None:
    checkout.branch(**{"stacks/Pulumi.nas.yaml": "config: {}\n"})
    if key.endswith("_FILE"):
        checkout.write("passphrase-file", "wJalrXUtnFEMI of the file\n")
        value = str(checkout.folder / value)
    checkout.variables[key] = value
    leak = "wJalrXUtnFEMI of the file" if key.endswith("_FILE") else value
    checkout.say_pulumi(preview={"stderr": f"error: cannot open state with {leak}\n"})
    done = checkout.run("preview", github)
    assert done.returncode == 0, done.stderr
    assert "wJalrXUtnFEMI" not in done.stdout + checkout.summary + github.everything_said_to_it
