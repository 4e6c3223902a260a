"""Who logs in on the Docker host: one who lacks something is told what, and nothing changes."""

from __future__ import annotations

import pytest

from tests.deployment import Deployment
from tests.stack.observe import on_nas

pytestmark = pytest.mark.lab

#: Without the age of the last refresh.
STATE = "newt-egress check | grep -v '^refreshed='; nft -s list table inet newt_guard_nas"


@pytest.mark.parametrize(
    ("user", "sudo", "complaint"),
    [
        ("asks", True, "sudo asks asks for a password"),
        ("nodocker", True, "sudo usermod -aG docker nodocker"),
        ("admin", False, "root is needed for the firewall"),
    ],
)
def test_a_user_who_lacks_something_is_refused_and_the_host_left_as_it_was(
    deployed: Deployment, user: str, sudo: bool, complaint: str
) -> None:
    before = on_nas(deployed.lab, STATE)
    deployed.edit(docker={**deployed.setting("docker"), "user": user, "sudo": sudo})
    refused = deployed.pulumi("up", "--yes", "--skip-preview", check=False)
    assert refused.returncode != 0
    assert complaint in refused.stdout, refused.stdout
    assert on_nas(deployed.lab, STATE) == before
