"""Tables with a column per Docker engine, and what is kept of each run."""

from __future__ import annotations

from pathlib import Path

import pytest

from newt_tunnel.egress.limits import AHEAD, BACKEND, DOCKER_USER, NETWORKS, UNHOOKED, HostLimit
from tests.attack import columns
from tests.attack.columns import Column, collapsed, keep, limits, load, table
from tests.lab.docker_engines import ENGINES
from tests.unit.docs.documents import EVIDENCE


def column(engine: str, version: str, **more: object) -> Column:
    values = {
        "title": engine,
        "free": {"a ping": "arrived"},
        "cells": {"a ping": "held"},
        "limits": [],
        "said": ["1 held, 0 broken"],
    }
    return Column(engine=engine, version=version, **(values | more))  # type: ignore[arg-type]


NEW = column("29", "29.0.0", cells={"a ping": "held", "the hook": "limit: ahead"}, limits=["ahead"])
OLD = column("26", "26.1.5+dfsg1")


def test_a_row_has_a_cell_per_engine_and_an_empty_one_where_it_was_not_tried() -> None:
    assert table("attack", [NEW, OLD]) == [
        ["attack", "no cage", "29", "26"],
        ["a ping", "arrived", "held", "held"],
        ["the hook", "", "limit: ahead", ""],
    ]


def test_a_blank_on_one_engine_is_seen() -> None:
    blank = column("28", "28.5.2", free={"a ping": "BLANK"})
    assert table("attack", [blank, OLD])[1][1] == "BLANK; arrived"


def test_arrangements_share_a_cell_and_exceptions_are_named() -> None:
    assert collapsed({"iptables": "held", "nftables": "held"}) == "held"
    cells = {"iptables": "held", "nftables": "BROKEN", "docker-user": "held"}
    assert collapsed(cells) == "held; BROKEN with nftables"


def test_a_limit_names_the_engines_that_showed_it() -> None:
    assert limits([AHEAD], [NEW, OLD]).endswith(" Shown on 29.")
    assert limits([NETWORKS], [NEW, OLD]) == f"- `networks`: {NETWORKS}"


@pytest.mark.parametrize(
    ("limit", "engines"),
    [
        (NETWORKS, ["26"]),
        (UNHOOKED, ["29", "28"]),
        (BACKEND, ["29-nftables"]),
        (AHEAD, ["29", "28", "26"]),
    ],
)
def test_a_limit_is_one_of_some_engines(limit: HostLimit, engines: list[str]) -> None:
    measured = [
        column("29", "29.0.0"),
        column("29-nftables", "29.0.0"),
        column("28", "28.5.2"),
        OLD,
    ]
    assert [each.engine for each in measured if each.has(limit)] == engines


def test_a_run_replaces_the_column_of_its_engine_and_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "engines.json"
    path.write_text('{"attacks": [], "faults": []}')
    assert keep(columns.ATTACKS, [OLD], path) == [OLD]
    assert keep(columns.ATTACKS, [NEW], path) == [NEW, OLD], "the newest engine comes first"

    again = column("26", "26.2.0")

    assert keep(columns.ATTACKS, [again], path) == [NEW, again]
    assert load(columns.FAULTS, path) == []


@pytest.mark.parametrize("kind", [columns.ATTACKS, columns.FAULTS])
def test_the_page_shows_what_is_kept_of_every_engine(kind: str) -> None:
    page = EVIDENCE.read_text()
    for row in table(kind, load(kind))[1:]:
        assert f"| {' | '.join(row)} |" in page


def test_every_engine_was_attacked_and_nothing_broke_or_was_a_blank() -> None:
    measured = load(columns.ATTACKS)
    assert [each.engine for each in measured] == [engine.name for engine in ENGINES]
    for each in measured:
        assert each.said[-1].endswith(" held, 0 broken"), each.title
        assert set(each.free.values()) == {"arrived"}, each.title


@pytest.mark.parametrize("limit", DOCKER_USER, ids=lambda limit: limit.name)
def test_every_limit_was_shown_on_each_engine_that_it_names_and_on_no_other(
    limit: HostLimit,
) -> None:
    for each in load(columns.ATTACKS):
        assert (limit.name in each.limits) is each.has(limit), each.title
