"""The branch that docs/review.md shows: postgres added to `nas`, gitea narrowed on `k3s-home`."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from newt_tunnel.stackfile.revisions import states
from newt_tunnel.tools.review.markdown import markdown
from newt_tunnel.tools.review.stack_reviews import review
from tests.unit.review.repository import K3S_HOME, NAS, Repository

_NEVER_POSTGRES = "    - {name: postgres, host: 10.0.1.60, port: 5432}\n"
_POSTGRES = "    - {name: postgres, host: 10.0.1.60, port: 5432, reason: backups at night}\n"
_LAST = "    - homeassistant.lan:8123:tcp\n"
_GITEA = "labels: {app.kubernetes.io/component: gitea}"
_NARROW_GITEA = "labels: {app.kubernetes.io/component: gitea, app.kubernetes.io/instance: home}"


def add_postgres_and_narrow_gitea(repository: Repository) -> None:
    """In a commit."""
    repository.edit(NAS, {_NEVER_POSTGRES: "", _LAST: _LAST + _POSTGRES})
    repository.edit(K3S_HOME, {_GITEA: _NARROW_GITEA})
    repository.commit()


def example() -> str:
    """Its review as a code block, less the hashes: they change with every word of the examples."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository(Path(folder) / "checkout")
        add_postgres_and_narrow_gitea(repository)
        text = markdown(review(*states("main..change", repository.folder)))
    text = re.sub(r" \([0-9a-f]{10}\)", "", text)
    return f"````markdown\n{text}````"
