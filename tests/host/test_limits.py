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

pytestmark = pytest.mark.lab


def test_the_known_limits_of_docker_user_and_no_others_show_themselves(host: Host) -> None:
    limited = [each for each in CIRCUMSTANCES if each.limit]
    arrangement = Arrangement("docker-user", "docker-user")

    found = list(besiege(host, arrangement, limited))

    assert {finding.verdict for finding in found} == {Verdict.LIMIT}
    shown = {each.limit for each in limited if each.limit and host.engine in each.limit.engines}
    assert {finding.limit for finding in found} == shown


def test_networks_created_are_a_limit_of_engines_that_insert_their_jump_anew(host: Host) -> None:
    arrangement = Arrangement("docker-user", "docker-user")

    flooded = next(
        finding for finding in besiege_otherwise(host, arrangement) if finding.attack == FLOOD
    )

    expected = Verdict.LIMIT if host.engine in NETWORKS.engines else Verdict.HELD
    assert flooded.verdict is expected
