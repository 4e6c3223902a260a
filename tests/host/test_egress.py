"""What newt may reach it reaches, and of everything else nothing arrives: measured at the targets,
for every arrangement, and without any, to know that the attacks work. `make attack` does more.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attack.assault import Outcome, attack_everything, neighbourhood
from tests.attack.attacks import ATTACKS, Attack
from tests.host.rig import ARRANGEMENTS, COMPLETE, Host, declare

pytestmark = pytest.mark.lab

FREE = "free"
#: Packets between ports of a bridge may pass iptables or not, and then newt's come in another way.
BRIDGED = " without bridge-nf-call-iptables"


@pytest.fixture(
    scope="module", params=[FREE, *ARRANGEMENTS, *(name + BRIDGED for name in COMPLETE)]
)
def arrangement(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def outcome(nas: Host, arrangement: str) -> Iterator[Outcome]:
    """newt on its network, in a cage of each arrangement, and free."""
    if arrangement != FREE:
        nas.apply(declare(arrangement=arrangement.removesuffix(BRIDGED)))
    nas.create_network()
    nas.start_newt()
    with neighbourhood(nas):
        if arrangement.endswith(BRIDGED):
            with nas.bridged_unseen():
                yield attack_everything(nas)
        else:
            yield attack_everything(nas)
    nas.reset()


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_arrives_from_a_free_newt_and_from_no_other(
    arrangement: str, outcome: Outcome, attack: Attack
) -> None:
    if arrangement == FREE:
        assert outcome.arrived(attack), f"a blank: newt heard {outcome.answers[attack.name]!r}"
    else:
        assert not outcome.arrived(attack), f"newt heard {outcome.answers[attack.name]!r}"
