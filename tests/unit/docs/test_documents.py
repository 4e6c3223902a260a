"""What the documents name exists: files, links, commands, keys, tests; and their written parts."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from components.egress_policy import DENY, POLICY
from newt_tunnel.docker_host.programs import EGRESS
from newt_tunnel.settings.kubernetes import Kubernetes
from newt_tunnel.settings.table import rows_by_platform
from tests.readme import GETTING_STARTED
from tests.unit.docs.documents import (
    CONFIGURATION,
    COST,
    DOCUMENTS,
    KUBERNETES,
    PARTS,
    README,
    REPOSITORY,
    cost_picture,
    with_part,
)

EXAMPLES = sorted((REPOSITORY / "stacks").glob("Pulumi.*.yaml"))
DOCUMENT = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)

_CODE_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_CODE_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FILE = re.compile(r"[\w.-]+(/[\w.-]+)*/?")
_OWN_SUFFIX = re.compile(r".*\.(py|md|svg|toml|yaml|sh|go)")
_TEST = re.compile(r"\btest_[a-z0-9_]+\b")
_SECTIONS = re.compile(r"(?:docker|egress|kubernetes|newt|pangolin)\.[a-z][A-Za-z.]*")
README_LINES = 250
#: These look like keys of the stack file and are something else.
_NO_KEYS = {"docker.service", "newt.instance"}


def _prose(text: str) -> str:
    """Without code blocks: what stands in one is a program's output or its input."""
    return _CODE_BLOCK.sub("", text)


def _spans(text: str) -> list[str]:
    return _CODE_SPAN.findall(_prose(text))


def _commands(text: str) -> Iterator[str]:
    """Code spans, and lines of code blocks: where a document names a command."""
    yield from _spans(text)
    for _, _, block in _CODE_BLOCK.findall(text):
        yield from block.splitlines()


def _anchor(heading: str) -> str:
    """As GitHub and Gitea make it of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize(("name", "document", "part"), PARTS, ids=lambda value: str(value)[:12])
def test_a_written_part_says_what_the_program_says(name: str, document: Path, part: object) -> None:
    assert callable(part)
    text = document.read_text()
    assert text == with_part(text, name, part()), f"{document.name} is out of date: run make docs"


def test_the_picture_of_the_costs_shows_what_was_measured() -> None:
    assert COST.read_text() == cost_picture(), "docs/cost.svg is out of date: run make docs"


def test_the_table_has_a_row_for_every_option_and_no_other() -> None:
    table = CONFIGURATION.read_text().partition("BEGIN options")[2].partition("END options")[0]
    shown = re.findall(r"^\| `([^`]+)` \| `?(\w+)`? \|", table, re.MULTILINE)
    assert shown == [(row.key, platform) for platform, row in rows_by_platform()]


@DOCUMENT
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in _LINK.findall(_prose(document.read_text())):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{document.name} links to {link}"
        if anchor:
            anchors = {_anchor(heading) for heading in _HEADING.findall(target.read_text())}
            assert anchor in anchors, f"{document.name} links to {link}: no such heading"


@DOCUMENT
def test_every_file_that_is_named_exists(document: Path) -> None:
    top = {entry.name for entry in REPOSITORY.iterdir()}
    for span in _spans(document.read_text()):
        if not _FILE.fullmatch(span):
            continue
        ours = span.partition("/")[0] in top and "/" in span
        if ours or _OWN_SUFFIX.fullmatch(span):
            assert (REPOSITORY / span).exists() or "NAME" in span, f"{document.name}: `{span}`"


@DOCUMENT
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    for command in _commands(document.read_text()):
        if named := re.match(r"make ([a-z][a-z-]*)", command.strip()):
            assert named[1] in targets, f"{document.name}: `{command}`"


@DOCUMENT
def test_every_test_that_is_named_exists(document: Path) -> None:
    written = "\n".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    existing = set(re.findall(r"def (test_\w+)\(", written))
    for span in _spans(document.read_text()):
        if _TEST.fullmatch(span):
            assert span in existing, f"{document.name}: `{span}`"


@DOCUMENT
def test_every_command_of_newt_egress_that_is_named_is_known_to_it(document: Path) -> None:
    program = EGRESS
    known = set(re.findall(r"[a-z]+", program.rpartition("case $command in")[2]))
    for command in _commands(document.read_text()):
        if named := re.search(r"\bnewt-egress ([a-z]+)\b", command):
            assert named[1] in known, f"{document.name}: `{command}`"


@DOCUMENT
def test_every_key_of_the_stack_file_that_is_named_exists(document: Path) -> None:
    keys = {row.key for _, row in rows_by_platform()}
    for span in _spans(document.read_text()):
        key = span.partition(":")[0]
        if _SECTIONS.fullmatch(key) and key not in _NO_KEYS and not _OWN_SUFFIX.fullmatch(key):
            assert key in keys, f"{document.name}: `{span}`"


def test_the_lines_of_a_stack_file_that_a_reader_edits_are_those_of_an_example() -> None:
    examples = [{line.strip() for line in path.read_text().splitlines()} for path in EXAMPLES]
    pages = README.read_text() + GETTING_STARTED.read_text()
    shown = [block for _, kind, block in _CODE_BLOCK.findall(pages) if kind == "yaml"]
    assert len(shown) == len(examples), "the two pages show what each allow-list looks like"
    for block in shown:
        lines = {line.strip() for line in block.splitlines()}
        assert any(lines <= example for example in examples), f"of no example alone:\n{block}"


@pytest.mark.parametrize("document", [README, KUBERNETES], ids=lambda path: path.name)
def test_what_the_documents_name_in_the_cluster_is_what_the_program_creates(document: Path) -> None:
    text = document.read_text()
    for name in (POLICY, DENY, Kubernetes().control_namespace):
        assert f"`{name}`" in text


def test_the_readme_is_read_in_ten_minutes() -> None:
    lines = len(README.read_text().splitlines())
    assert lines <= README_LINES, "move what not every reader needs to a page in docs/"


def test_each_page_says_in_its_first_sentence_for_whom_it_is() -> None:
    for page in DOCUMENTS:
        if page.parent.name == "docs":
            first = page.read_text().splitlines()[2]
            assert first.startswith("For people who "), f"{page.name}: {first}"


@DOCUMENT
def test_shell_commands_are_understood_by_the_shell(document: Path) -> None:
    for _, kind, block in _CODE_BLOCK.findall(document.read_text()):
        if kind == "sh":
            done = subprocess.run(
                ["sh", "-n"], input=block, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{document.name}: {done.stderr}"


@DOCUMENT
def test_no_shell_command_has_a_comment_behind_it(document: Path) -> None:
    for _, kind, block in _CODE_BLOCK.findall(document.read_text()):
        commented = re.findall(r"^.*\S\s+#.*$", block, re.MULTILINE) if kind == "sh" else []
        assert not commented, f"zsh at a prompt takes the words behind # for arguments: {commented}"


@DOCUMENT
def test_no_code_block_or_part_is_left_open(document: Path) -> None:
    text = document.read_text()
    assert text.count("```") % 2 == 0
    assert text.count("<!-- BEGIN ") == text.count("<!-- END ")


def test_the_hooks_before_a_commit_run_tools_of_the_repository_only() -> None:
    document = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in document["repos"]] == ["local"]
    requirements = (REPOSITORY / "requirements-dev.txt").read_text()
    for hook in document["repos"][0]["hooks"]:
        program = shlex.split(hook["entry"])[0]
        tool = program.removeprefix(".venv/bin/")
        assert tool != program, f"{hook['id']} must come from .venv"
        assert tool == "python" or tool in requirements, f"{tool} is not in requirements-dev.txt"
