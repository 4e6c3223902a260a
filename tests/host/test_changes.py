"""A changed allow-list: what is listed is reached, and what is revoked is cut at once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.host.rig import (
    ARRANGEMENTS,
    GITEA,
    NAS,
    PANGOLIN,
    RESOLVER,
    Host,
    declare,
    eventually,
    rule,
)
from tests.lab.evidence import Entry

pytestmark = pytest.mark.lab

JELLYFIN = rule("jellyfin", NAS, 8096)
QUESTION = "\0\1\1\0\0\1\0\0\0\0\0\0\5gitea\3lan\0\0\1\0\1"
LISTED: list[tuple[str, dict[str, Any], str]] = [
    ("a service", {"kind": "tcp", "address": GITEA, "port": 3000}, "gitea at"),
    ("a service over UDP", {"kind": "udp", "address": GITEA, "port": 3000}, "who"),
    ("the resolver", {"kind": "udp", "address": RESOLVER, "port": 53, "token": QUESTION}, "gitea"),
    ("Pangolin", {"kind": "tcp", "address": PANGOLIN, "port": 443}, "HTTPS server"),
    # As newt dials it: before Docker rewrites address and port.
    ("a published port", {"kind": "tcp", "address": NAS, "port": 8096}, "HTTP/1.1 404"),
]


@pytest.fixture(scope="module", params=ARRANGEMENTS)
def arrangement(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def caged(nas: Host, arrangement: str) -> Iterator[Host]:
    """newt on its network, with jellyfin, a container on the same Docker host, on the list."""
    nas.apply(declare(JELLYFIN, arrangement=arrangement))
    nas.create_network()
    nas.start_newt()
    yield nas
    nas.reset()


@pytest.fixture(scope="module")
def answers(caged: Host) -> dict[str, str]:
    orders = [{"name": name, "token": "who", **order} for name, order, _ in LISTED]
    heard: dict[str, str] = caged.newt("fire", json.dumps(orders))
    return heard


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name, _, answer in LISTED])
def test_what_is_listed_answers_newt(answers: dict[str, str], name: str, answer: str) -> None:
    assert answer in answers[name]


def _words(entries: list[Entry]) -> dict[str, int]:
    """How often newt was heard, per transport."""
    events = [entry.event for entry in entries]
    return {"tcp": events.count("received"), "udp": events.count("datagram")}


def test_a_revoked_target_hears_nothing_more_until_it_is_listed_again(
    caged: Host, arrangement: str
) -> None:
    log = caged.lab.log("gitea")
    start = log.mark()
    tcp, udp = (["talk", protocol, GITEA, "3000", "20"] for protocol in ("tcp", "udp"))
    with caged.newt_meanwhile(*tcp), caged.newt_meanwhile(*udp):
        eventually(lambda: min(_words(log.since(start)).values()) > 10, "newt talks")

        caged.apply(declare(JELLYFIN, arrangement=arrangement, without="gitea"))

        time.sleep(0.1)  # what arrived before is being written down
        revoked = log.mark()
        time.sleep(0.5)
        assert log.since(revoked) == [], "an open connection of a revoked target is still open"

        caged.apply(declare(JELLYFIN, arrangement=arrangement))

        eventually(lambda: min(_words(log.since(revoked)).values()) > 0, "newt is heard again")
