"""What the figures must keep, how that is judged, and that nothing is lost in bench.json."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newt_tunnel.egress.cage import IPTABLES_CHEAP_TARGETS, IPTABLES_COST
from tests.bench.figures import (
    APPLY,
    BARE,
    CLUSTER_PREVIEW,
    CONNECT,
    CONNECTIONS,
    EMPTY,
    FREE,
    IPTABLES,
    KEPT,
    LEAK,
    LOOK,
    LOOK_UPS,
    LOOKS,
    NFTABLES,
    OURS,
    PREVIEW,
    REVOKED,
    THE_POST,
    Bound,
    Figure,
    Figures,
    Verdict,
    conclusion,
    dump,
    load,
    ratio,
)
from tests.bench.page import bounds, number, text
from tests.bench.picture import ARRANGEMENTS, SIZES, draw
from tests.bench.samples import Samples
from tests.unit.docs import documents

VERSIONS = {"Docker": "20", "iptables": "1", "nftables": "2", "kernel": "6"}


def figure(measure: str, arrangement: str, targets: int | None, *samples: float) -> Figure:
    return Figure(measure, arrangement, targets, "s", samples)


def judged(*figures: Figure) -> list[Verdict]:
    return [bound.verdict for bound in Figures(VERSIONS, figures).bounds]


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [(2.0, Verdict.MET), (2.1, Verdict.NEAR), (2.2, Verdict.NEAR), (2.21, Verdict.BROKEN)],
)
def test_a_bound_fails_only_beyond_a_tenth_more_than_its_value(
    measured: float, verdict: Verdict
) -> None:
    assert Bound("connections", measured, 2).verdict is verdict


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [(0.97, Verdict.MET), (0.96, Verdict.NEAR), (0.89, Verdict.NEAR), (0.88, Verdict.BROKEN)],
)
def test_so_does_one_that_is_to_be_reached(measured: float, verdict: Verdict) -> None:
    assert Bound("throughput", measured, 0.97, at_least=True).verdict is verdict


def test_one_leaked_packet_in_one_round_is_broken_and_the_posts_are_not_ours() -> None:
    assert judged(figure(LEAK, IPTABLES, 10, 0, 0, 0, 0, 0)) == [Verdict.MET]
    assert judged(figure(LEAK, IPTABLES, 10, 0, 0, 1, 0, 0)) == [Verdict.BROKEN]
    assert judged(figure(LEAK, THE_POST, 10, 600, 700, 800, 900, 900)) == []


def test_a_connection_must_have_ended_when_its_target_is_revoked() -> None:
    assert judged(figure(REVOKED, NFTABLES, None, -0.1, -0.2)) == [Verdict.MET]
    assert judged(figure(REVOKED, NFTABLES, None, -0.1, 0.2)) == [Verdict.BROKEN]


def test_latency_is_judged_beside_that_of_an_empty_list_and_throughput_beside_no_cage() -> None:
    assert judged(
        figure(CONNECT, NFTABLES, 0, 10, 20), figure(CONNECT, NFTABLES, 5000, 11, 22)
    ) == [Verdict.MET]
    assert judged(
        figure(CONNECT, NFTABLES, 0, 10, 20), figure(CONNECT, NFTABLES, 5000, 17, 34)
    ) == [Verdict.BROKEN]
    assert judged(figure(KEPT, NFTABLES, 5000, 0.5, 0.5, 1)) == [Verdict.BROKEN]
    assert judged(figure(KEPT, NFTABLES, 5000, 0.5, 0.98, 1)) == [Verdict.MET]
    assert judged(figure(KEPT, THE_POST, 100, 0.5, 0.5)) == []


def test_the_way_through_iptables_is_measured_and_has_no_bound() -> None:
    assert (
        judged(
            figure(CONNECT, IPTABLES, 0, 10, 20),
            figure(CONNECT, IPTABLES, 100, 17, 34),
            figure(KEPT, IPTABLES, 100, 0.5, 0.5, 1),
        )
        == []
    )


def test_the_remark_about_iptables_tells_what_the_evidence_has() -> None:
    shown = load(documents.BENCH)
    full, empty = (shown.find(CONNECT, IPTABLES, size) for size in (IPTABLES_CHEAP_TARGETS, 0))
    kept = shown.find(KEPT, IPTABLES, IPTABLES_CHEAP_TARGETS)
    assert full is not None
    assert empty is not None
    assert kept is not None
    slower, lost = round(100 * ratio(full, empty) - 100), round(100 - 100 * kept.median)
    told = [int(number) for number in re.findall(r"(\d+) %", IPTABLES_COST)]
    assert told == pytest.approx([slower, lost], abs=5), "another run may differ by some points"


def test_the_clusters_figures_stay_those_of_an_earlier_run_which_is_said() -> None:
    of_host, old = figure(CONNECT, NFTABLES, 0, 1), figure(CONNECT, NFTABLES, 0, 2)
    of_cluster = figure(CLUSTER_PREVIEW, OURS, 10, 3)
    earlier = Figures({"kernel": "6", "Docker": "20", "Kubernetes": "1"}, [old, of_cluster])
    same = Figures({"kernel": "6", "Docker": "20"}, [of_host]).with_the_clusters_of(earlier)
    assert [*same] == [of_host, of_cluster]
    assert same.measured_on == {"kernel": "6", "Docker": "20", "Kubernetes": "1"}
    later = Figures({"kernel": "7", "Docker": "20"}, [of_host]).with_the_clusters_of(earlier)
    assert later.measured_on == {
        "kernel": "7",
        "Docker": "20",
        "Kubernetes": "1",
        "the cluster's figures": "of an earlier run, with kernel 6",
    }


def test_the_drift_check_is_beside_what_it_is_part_of() -> None:
    empty = figure(PREVIEW, EMPTY, 10, 2, 2)
    ours = figure(PREVIEW, NFTABLES, 10, 4, 4)
    assert judged(empty, ours, figure(LOOK, NFTABLES, 10, 1, 1)) == [Verdict.MET]
    assert judged(empty, ours, figure(LOOK, NFTABLES, 10, 0.8, 0.8)) == [Verdict.NEAR]
    three = figure(CONNECTIONS, NFTABLES, 10, 3, 3)
    assert judged(three, figure(LOOKS, NFTABLES, 10, 1, 1)) == [Verdict.MET]


def test_in_a_cluster_ours_is_beside_a_program_with_the_same_resources() -> None:
    empty = figure(CLUSTER_PREVIEW, EMPTY, 500, 1, 1)
    bare, ours = figure(CLUSTER_PREVIEW, BARE, 500, 3, 3), figure(CLUSTER_PREVIEW, OURS, 500, 5, 5)
    look_ups = figure(LOOK_UPS, OURS, 500, 0.5, 0.5)
    (bound,) = Figures(VERSIONS, (empty, bare, ours, look_ups)).bounds
    assert (bound.measured, bound.verdict) == (1.5, Verdict.MET)
    assert bound.what.endswith("times that of a program that lists the same resources")


def test_a_ratio_is_taken_round_by_round() -> None:
    busy_later = figure(CONNECT, IPTABLES, 100, 10, 10, 30)
    assert ratio(busy_later, figure(CONNECT, IPTABLES, 0, 10, 10, 30)) == 1


def test_what_was_written_is_read_again_and_judged_the_same(tmp_path: Path) -> None:
    samples = Samples()
    for seconds in (0.25, 0.5, 0.75):
        samples.add(APPLY, IPTABLES, 10, "s", seconds)
        samples.add(LEAK, IPTABLES, 10, "packets", 0)
    measured = Figures(VERSIONS, samples.figures)
    (tmp_path / "bench.json").write_text(dump(measured))
    again = load(tmp_path / "bench.json")
    assert list(again) == list(measured)
    assert again.bounds == measured.bounds
    assert again.measured_on == VERSIONS
    assert conclusion(again.bounds) == "1 held, 0 broken"


def test_every_figure_is_printed_and_every_bound() -> None:
    measured = Figures(
        VERSIONS,
        [
            figure(CONNECT, FREE, None, 41),
            figure(CONNECT, NFTABLES, 0, 42),
            figure(CONNECT, NFTABLES, 5000, 43),
        ],
    )
    lines = text(measured).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["TCP", "connect", "(s)"],
        ["no", "list", "0", "targets", "5000", "targets"],
        ["no", "cage", "41"],
        ["nftables", "42", "43"],
    ]
    assert len(bounds(measured)) == 2


def test_numbers_have_three_digits_that_count() -> None:
    shown = [number(value) for value in (0, 0.01234, 1.5, 44.44, 4459.4, 25000)]
    assert shown == ["0", "0.0123", "1.5", "44.4", "4,459", "25,000"]


def test_the_picture_shows_every_value_and_says_what_is_missing() -> None:
    measured = [
        figure(measure, arrangement, size, 1000 * n + size)
        for n, measure in enumerate((LEAK, APPLY), start=1)
        for arrangement, _, _ in ARRANGEMENTS
        for size in SIZES
    ]
    picture = draw(Figures(VERSIONS, measured))
    for each in measured:
        assert f">{number(each.median)}" in picture
    with pytest.raises(ValueError, match="not measured: time to change the rules"):
        draw(Figures(VERSIONS, measured[:-1]))
