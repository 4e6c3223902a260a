"""The forge's information for a job: which pull request, from where, and how to answer.

GitHub, Gitea and Forgejo set the same variables and the same event file; where they differ is
written here and nowhere else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newt_tunnel.tools.forge import ForgeError

TOKEN = "FORGE_TOKEN"
#: The user of a job's own token, by the variable that only this forge sets. Forgejo sets Gitea's
#: too, so it comes first.
_BOTS = {"FORGEJO_ACTIONS": "forgejo-actions", "GITEA_ACTIONS": "gitea-actions"}
_GITHUB_BOT = "github-actions[bot]"
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """``base`` and ``head`` are commits."""

    number: int
    base: str
    head: str
    #: Its branch is in another repository: its token may only read, and it gets no secrets.
    is_fork: bool


def pull_request(environment: Mapping[str, str] = os.environ) -> PullRequest:
    """The pull request this job runs for. Raises ``ForgeError`` where there is none."""
    try:
        event: Any = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
        found: Any = event["pull_request"]
        head, base = found["head"], found["base"]
        # A deleted fork is null.
        origin = (head.get("repo") or {}).get("full_name")
        for commit in (base["sha"], head["sha"]):
            if not _SHA.fullmatch(commit):
                raise ForgeError("the event has no valid commit")
        return PullRequest(
            number=int(found["number"]),
            base=base["sha"],
            head=head["sha"],
            is_fork=origin != environment["GITHUB_REPOSITORY"],
        )
    except (KeyError, TypeError, ValueError, OSError, AttributeError) as error:
        raise ForgeError(
            f"this job has no pull request ({type(error).__name__}: {error}); "
            "run it on the event pull_request"
        ) from error


def bot(environment: Mapping[str, str] = os.environ) -> str:
    """The name under which this forge's job token comments."""
    return next((name for key, name in _BOTS.items() if environment.get(key)), _GITHUB_BOT)


def run_url(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the URL of this run's log and summary."""
    # Gitea and Forgejo count a repository's runs, GitHub all of them.
    key = "GITHUB_RUN_ID" if _is_github(environment) else "GITHUB_RUN_NUMBER"
    parts = [environment.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", key)]
    return "{}/{}/actions/runs/{}".format(*parts) if all(parts) else None


def _is_github(environment: Mapping[str, str]) -> bool:
    return not any(environment.get(key) for key in _BOTS)
