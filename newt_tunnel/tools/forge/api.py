"""Comments of a pull request, through the API that GitHub, Gitea and Forgejo have in common."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from newt_tunnel.tools.forge import ForgeError, event

SECONDS = 30
PAGE = 100
MOST_PAGES = 100
#: Characters of an answer that an error shows.
_SHOWN = 300


@dataclass(frozen=True)
class Comment:
    id: int
    author: str
    body: str


class Refused(ForgeError):
    """The forge refused a request. ``status`` is the HTTP status."""

    def __init__(self, what: str, status: int, answer: str) -> None:
        self.status = status
        remedy = (
            "; the job's token lacks the right: give the job `pull-requests: write`, or on "
            "Gitea and Forgejo allow it to write in the repository's settings for actions"
            if status in (401, 403)
            else ""
        )
        super().__init__(f"{what}: the forge answered {status}: {answer}{remedy}")


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener without redirects, which would send the token to another machine."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


@dataclass(frozen=True, kw_only=True)
class Forge:
    """The repository's API. ``bot`` is the user of the job's token if the API omits it."""

    url: str
    repository: str
    bot: str
    token: str = field(repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Forge:
        missing = [
            key
            for key in ("GITHUB_API_URL", "GITHUB_REPOSITORY", event.TOKEN)
            if not environment.get(key)
        ]
        if missing:
            raise ForgeError(f"{', '.join(missing)}: not set; the workflow must pass it on")
        return cls(
            url=environment["GITHUB_API_URL"].rstrip("/"),
            repository=environment["GITHUB_REPOSITORY"],
            bot=event.bot(environment),
            token=environment[event.TOKEN],
        )

    def author(self) -> str:
        """Return the user who comments with this token."""
        try:
            return str(self._call("GET", "/user", "read the token's user")["login"])
        except Refused as refused:
            # GitHub does not report the user of a job's own token.
            if refused.status in (401, 403, 404):
                return self.bot
            raise

    def comments(self, number: int) -> Iterator[Comment]:
        """All comments of a pull request, oldest first."""
        seen: set[int] = set()
        for page in range(1, MOST_PAGES + 1):
            # GitHub calls it per_page, the others limit; Gitea gives all at once, on every page.
            path = f"{self._issues}/{number}/comments?per_page={PAGE}&limit={PAGE}&page={page}"
            fresh = [
                Comment(
                    one["id"], str((one.get("user") or {}).get("login", "")), one.get("body") or ""
                )
                for one in self._call("GET", path, "list the comments")
                if one["id"] not in seen
            ]
            if not fresh:
                return
            seen.update(comment.id for comment in fresh)
            yield from fresh
        raise ForgeError(f"the pull request has more than {len(seen)} comments: not one more page")

    def create(self, number: int, body: str) -> None:
        self._call("POST", f"{self._issues}/{number}/comments", "comment", {"body": body})

    def edit(self, comment: Comment, body: str) -> None:
        path = f"{self._issues}/comments/{comment.id}"
        self._call("PATCH", path, "edit the comment", {"body": body})

    @property
    def _issues(self) -> str:
        return f"/repos/{self.repository}/issues"

    def _call(self, method: str, path: str, what: str, content: object = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={
                "Accept": "application/json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "User-Agent": "newt-tunnel",
            },
        )
        try:
            with _opener().open(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read(10 * _SHOWN).decode(errors="replace").replace(self.token, "...")
            raise Refused(what, error.code, " ".join(text.split())[:_SHOWN]) from None
        except (OSError, HTTPException, ValueError) as error:
            raise ForgeError(f"{what}: {self.url} does not answer as it should: {error}") from None
