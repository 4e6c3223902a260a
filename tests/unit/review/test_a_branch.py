"""The command on a real repository with the committed examples, as a pull request has it."""

from __future__ import annotations

from tests.unit.review.example import add_postgres_and_narrow_gitea
from tests.unit.review.repository import Repository, facts


def test_a_branch_that_adds_postgres_and_narrows_gitea_is_told_as_exactly_that(
    repository: Repository,
) -> None:
    add_postgres_and_narrow_gitea(repository)
    done = repository.review("main..change")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    gitea = "pods gitea/app.kubernetes.io/component=gitea"
    assert facts(done.stdout) == [
        "### `k3s-home` (kubernetes, `stacks/Pulumi.k3s-home.yaml`)",
        "**narrowed**",
        f"- `gitea`: `{gitea}`, `3000/tcp` → `{gitea},app.kubernetes.io/instance=home`, `3000/tcp`",
        "### `nas` (docker, `stacks/Pulumi.nas.yaml`)",
        "**newt can now also reach**",
        "- `postgres`: `10.0.1.60`, `5432/tcp` (reason: `backups at night`)",
        "  - Risk: was in mustNotReach until now, as postgres; the port of a database "
        "(PostgreSQL); called like a database",
    ]
