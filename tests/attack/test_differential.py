"""The kernel's verdict is the model's; `make attack` asks it of thousands, here it is hundreds."""

from __future__ import annotations

import secrets

import pytest

from newt_tunnel.egress.decide_packet import PacketVerdict
from tests.attack import differential
from tests.attack.differential import ARRANGEMENTS, MismatchError, compare
from tests.lab.fixtures import prefix, unavailable

pytestmark = pytest.mark.lab

PAIRS = 120


@pytest.fixture
def bench() -> str:
    if reason := unavailable():
        pytest.skip(reason)
    return prefix()


def test_the_kernel_gives_the_verdict_of_the_model_in_every_arrangement(bench: str) -> None:
    tally = compare(PAIRS, secrets.randbelow(2**32), bench)

    for arrangement in ARRANGEMENTS:
        allowed, pairs = tally.allowed[arrangement.name], tally.pairs[arrangement.name]
        assert 0 < allowed < pairs, "all the same verdict: this showed nothing"


@pytest.mark.parametrize("wrong", [True, False])
def test_a_model_that_is_wrong_is_found_out_by_a_single_packet(
    bench: str, wrong: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = PacketVerdict(wrong, "a wrong model")
    monkeypatch.setattr(differential, "decide", lambda *_: verdict)

    with pytest.raises(MismatchError, match="a wrong model") as found:
        compare(PAIRS, 1, bench, [ARRANGEMENTS[-1]])

    said = str(found.value)
    assert said.count("newt: ") == 1, f"shrunk to one packet: {said}"
    assert not wrong or "The policy allows\n  nothing" in said, f"and no rule: {said}"
    assert said.endswith("The seed was 1.")
