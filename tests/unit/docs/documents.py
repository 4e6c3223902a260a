"""The documents, and the parts of them that are written by a program.

`python -m tests.unit.docs.documents` rewrites those parts (`make docs`): the table of options, the
lists of what `docker.hook: docker-user` and each enforcer of NetworkPolicies cannot stop, the
examples of a check and a review, and what the cage costs. Each is between a BEGIN and an END
comment; all other text is written by people. The picture of the costs is a file of its own.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path

from newt_tunnel.egress import enforcers
from newt_tunnel.egress import limits as host_limits
from newt_tunnel.settings.table import BOTH, NO_DEFAULT, REQUIRED, rows_by_platform
from newt_tunnel.tools.check import command as check
from tests.bench import figures, page, picture
from tests.unit.review.example import example

REPOSITORY = Path(__file__).parents[3]
README = REPOSITORY / "README.md"
CONFIGURATION = REPOSITORY / "docs" / "configuration.md"
KUBERNETES = REPOSITORY / "docs" / "kubernetes.md"
TROUBLESHOOTING = REPOSITORY / "docs" / "troubleshooting.md"
THREAT_MODEL = REPOSITORY / "docs" / "threat-model.md"
EVIDENCE = REPOSITORY / "docs" / "evidence.md"
REVIEW = REPOSITORY / "docs" / "review.md"
POLICIES = REPOSITORY / "docs" / "policies.md"
BENCH = REPOSITORY / "docs" / "bench.json"
COST = REPOSITORY / "docs" / "cost.svg"
CHANGELOG = REPOSITORY / "CHANGELOG.md"
DOCUMENTS = (README, *sorted((REPOSITORY / "docs").glob("*.md")), CHANGELOG)


def options() -> str:
    """Every option of the stack file as a row, with the platform that has it."""
    lines = ["| key | platform | type | default | meaning |", "| --- | --- | --- | --- | --- |"]
    for platform, row in rows_by_platform():
        default = row.default if row.default in (REQUIRED, NO_DEFAULT) else f"`{row.default}`"
        where = BOTH if platform == BOTH else f"`{platform}`"
        cells = [f"`{row.key}`", where, row.type, default, row.description]
        cells = [cell.replace("|", "\\|") for cell in cells]  # else a cell would end there
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def limits() -> str:
    """What the blog post's own place for the rules lets through."""
    known = host_limits.DOCKER_USER
    return "\n".join(f"- {limit}" for limit in known)


def enforcer_limits() -> str:
    """What each enforcer of NetworkPolicies lets through."""
    by_enforcer: dict[str, list[str]] = {}
    for limit in enforcers.LIMITS:
        by_enforcer.setdefault(limit.enforcer, []).append(limit.text)
    lines = []
    for enforcer, texts in by_enforcer.items():
        lines += [f"- **{enforcer}**", *(f"  - {text}" for text in texts)]
    return "\n".join(lines)


def checked() -> str:
    """What `check` prints for the example of a Docker host."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        check.main(["nas"], REPOSITORY)
    command = "$ .venv/bin/python -m newt_tunnel check nas"
    return f"```console\n{command}\n{printed.getvalue()}```"


def cost() -> str:
    """What the cage costs, as the committed run of `make bench` measured it."""
    return page.document(figures.load(BENCH))


def cost_picture() -> str:
    return picture.draw(figures.load(BENCH))


#: Name of a written part, its document, and what belongs there.
PARTS: tuple[tuple[str, Path, Callable[[], str]], ...] = (
    ("options", CONFIGURATION, options),
    ("check", CONFIGURATION, checked),
    ("enforcers", KUBERNETES, enforcer_limits),
    ("limits", THREAT_MODEL, limits),
    ("review", REVIEW, example),
    ("cost", EVIDENCE, cost),
)


def with_part(text: str, name: str, part: str) -> str:
    """``text`` with its part ``name`` replaced. ``ValueError`` where there is no such part."""
    found = re.compile(
        rf"(?P<begin><!-- BEGIN {name}: .*? -->\n).*?(?P<end><!-- END {name} -->)", re.DOTALL
    )
    new, count = found.subn(lambda m: f"{m['begin']}{part}\n{m['end']}", text)
    if count != 1:
        raise ValueError(f"{count} parts are called {name}; there must be one")
    return new


def write() -> None:
    for name, document, part in PARTS:
        document.write_text(with_part(document.read_text(), name, part()))
    COST.write_text(cost_picture())


if __name__ == "__main__":
    write()
