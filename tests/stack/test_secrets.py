"""No secret in the state, on the command line, in the container, in an output or in a diff."""

from __future__ import annotations

import pytest

from tests.deployment import Deployment
from tests.stack.observe import inspect, on_nas

pytestmark = pytest.mark.lab


def test_no_secret_is_readable_anywhere_but_in_newts_own_file(
    first_up: tuple[Deployment, str], deployed: Deployment
) -> None:
    lab = deployed.lab
    places = {
        "output of up": first_up[1],
        "state": deployed.state(),
        "stack file": deployed.stack_file.read_text(),
        "stack outputs": str(deployed.outputs()),
        "docker inspect": str(inspect(lab)),
        "process list": on_nas(
            lab, "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'"
        ),
        "newt's volume": on_nas(lab, "cat /var/lib/docker/volumes/newt-config/_data/* || :"),
        "newt's log": on_nas(lab, "docker logs newt-tunnel"),
        "preview": deployed.preview("--diff"),
    }
    private_key = lab.agent.key.read_text().splitlines()[1]
    for place, text in places.items():
        assert lab.pangolin.newt_secret not in text, f"newtSecret stands in the {place}"
        assert private_key not in text, f"sshPrivateKey stands in the {place}"


def test_the_credentials_file_is_readable_for_newt_and_root_alone(deployed: Deployment) -> None:
    folder = "/var/lib/newt-egress/credentials"
    listing = on_nas(deployed.lab, f"stat -c '%a %U %g %n' {folder} {folder}/config.json")
    assert listing.splitlines() == [
        f"750 root 65534 {folder}",
        f"440 root 65534 {folder}/config.json",
    ]


def test_a_changed_secret_is_not_shown_in_the_diff_and_gives_a_new_container(
    deployed: Deployment,
) -> None:
    before = inspect(deployed.lab)["Id"]
    deployed.set_secret("newtSecret", "another-secret-0123456789")
    printed = deployed.preview("--diff")
    assert "another-secret" not in printed
    printed = deployed.up()
    assert "another-secret" not in printed
    assert inspect(deployed.lab)["Id"] != before
