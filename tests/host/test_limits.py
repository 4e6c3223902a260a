"""What the blog post's own place for the rules does not stop is what the list says of it."""

from __future__ import annotations

import pytest

from newt_tunnel.egress.limits import NETWORKS
from tests.attack.siege import (
    CIRCUMSTANCES,
    FLOOD,
    Arrangement,
    Verdict,
    besiege,
    besiege_otherwise,
)
from tests.host.rig import Host

pytestmark = [pytest.mark.lab, pytest.mark.engines, pytest.mark.docker_user]


def test_the_known_limits_of_docker_user_and_no_others_show_themselves(host: Host) -> None:
    limited = [each for each in CIRCUMSTANCES if each.limit]
    arrangement = Arrangement("docker-user", "docker-user")

    found = list(besiege(host, arrangement, limited))

    shown = {each.limit for each in limited if each.limit and host.has(each.limit)}
    assert {each.limit for each in found if each.verdict is Verdict.LIMIT} == shown
    assert {each.verdict for each in found if each.limit is None} <= {Verdict.HELD}


def test_networks_created_are_a_limit_of_engines_that_insert_their_jump_anew(host: Host) -> None:
    arrangement = Arrangement("docker-user", "docker-user")

    flooded = next(
        finding for finding in besiege_otherwise(host, arrangement) if finding.attack == FLOOD
    )

    expected = Verdict.LIMIT if host.has(NETWORKS) else Verdict.HELD
    assert flooded.verdict is expected
