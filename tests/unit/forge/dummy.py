"""A forge's API as far as comments go, on loopback: GitHub's, and Gitea's and Forgejo's.

They differ in what a job's own token may ask about itself, in how pages are asked for, and in
whether there are pages at all.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "home/newt-tunnel"
TOKEN = "token-of-the-job-4711"
NUMBER = 7
#: Characters; GitHub answers 422 above it.
GITHUB_LIMIT = 65_536


@dataclass
class Flavour:
    """How one forge behaves, and what it sets in a job."""

    name: str
    prefix: str
    bot: str
    #: Whether a job's own token may ask who it is.
    knows_itself: bool
    #: The query's key for the size of a page; None: all comments at once, whatever is asked.
    page_key: str | None
    page_size: int
    variables: dict[str, str]


GITHUB = Flavour("github", "", "github-actions[bot]", False, "per_page", 100, {})
GITEA = Flavour("gitea", "/api/v1", "gitea-actions", True, None, 0, {"GITEA_ACTIONS": "true"})
FORGEJO = Flavour(
    "forgejo",
    "/api/v1",
    "forgejo-actions",
    False,
    "limit",
    50,
    {"GITEA_ACTIONS": "true", "FORGEJO_ACTIONS": "true"},
)
FLAVOURS = (GITHUB, GITEA, FORGEJO)


@dataclass
class DummyForge:
    """``fail`` maps a method to the status it is answered with."""

    flavour: Flavour
    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    fail: dict[str, int] = field(default_factory=dict)
    broken: bool = False

    def says(self, author: str, body: str) -> dict[str, Any]:
        """A comment that is there already."""
        comment = {"id": 100 + len(self.comments), "user": {"login": author}, "body": body}
        self.comments.append(comment)
        return comment

    @property
    def changes(self) -> list[str]:
        """What was done, and not only asked."""
        return [method for method, _, _ in self.requests if method != "GET"]

    @property
    def everything_said_to_it(self) -> str:
        return "\n".join(f"{method} {path} {body}" for method, path, body in self.requests)

    def answer(self, method: str, path: str, body: str, token: str) -> tuple[int, object]:
        self.requests.append((method, path, body))
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "who are you?"}
        if method in self.fail:
            return self.fail[method], {"message": f"no, not with {token}"}
        parts = urlsplit(path.removeprefix(self.flavour.prefix))
        issues = f"/repos/{REPOSITORY}/issues"
        match method, parts.path:
            case "GET", "/user":
                if self.flavour.knows_itself:
                    return 200, {"login": self.flavour.bot}
                return 403, {"message": "Resource not accessible by integration"}
            case "GET", listing if listing == f"{issues}/{NUMBER}/comments":
                return 200, self._page(parse_qs(parts.query))
            case "POST", listing if listing == f"{issues}/{NUMBER}/comments":
                return self._write(None, json.loads(body)["body"])
            case "PATCH", one if one.startswith(f"{issues}/comments/"):
                number = int(one.rpartition("/")[2])
                return self._write(number, json.loads(body)["body"])
        return 404, {"message": "no such thing here"}

    def _page(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        if self.flavour.page_key is None:
            return self.comments
        size = min(int(query.get(self.flavour.page_key, ["30"])[0]), self.flavour.page_size)
        first = (int(query.get("page", ["1"])[0]) - 1) * size
        return self.comments[first : first + size]

    def _write(self, number: int | None, body: str) -> tuple[int, object]:
        if self.flavour is GITHUB and len(body) > GITHUB_LIMIT:
            return 422, {"message": f"body is too long (maximum is {GITHUB_LIMIT} characters)"}
        if number is None:
            return 201, self.says(self.flavour.bot, body)
        comment = next((one for one in self.comments if one["id"] == number), None)
        if comment is None:
            return 404, {"message": "no such comment"}
        if comment["user"]["login"] != self.flavour.bot:
            return 403, {"message": "not yours"}
        comment["body"] = body
        return 200, comment


@contextmanager
def serving(flavour: Flavour) -> Iterator[DummyForge]:
    forge = DummyForge(flavour)

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            token = self.headers.get("Authorization", "")
            status, answer = forge.answer(self.command, self.path, body, token)
            text = b"<html>" if forge.broken else json.dumps(answer).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _do

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            forge.url = f"http://127.0.0.1:{server.server_address[1]}{flavour.prefix}"
            yield forge
        finally:
            server.shutdown()
            thread.join()
