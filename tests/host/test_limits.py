"""What the blog post's own place for the rules does not stop is what the list says of it."""

from __future__ import annotations

import pytest

from tests.attack.siege import CIRCUMSTANCES, Arrangement, Verdict, besiege
from tests.host.rig import Host

pytestmark = pytest.mark.lab


def test_the_known_limits_of_docker_user_and_no_others_show_themselves(host: Host) -> None:
    limited = [each for each in CIRCUMSTANCES if each.limit]
    arrangement = Arrangement("docker-user", "docker-user")

    found = list(besiege(host, arrangement, limited))

    assert {finding.verdict for finding in found} == {Verdict.LIMIT}
    assert {finding.limit for finding in found} == {each.limit for each in limited}
