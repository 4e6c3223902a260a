"""The life of a stack with a provisioning key: newt trades it for credentials of its own, once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.deployment import Deployment
from tests.stack.observe import inspect, on_nas, wait_for_tunnel

pytestmark = pytest.mark.lab

FOLDER = "/var/lib/docker/volumes/newt-config/_data"


@pytest.fixture(scope="module")
def keyed(first_up: tuple[Deployment, str]) -> Iterator[tuple[Deployment, str, str]]:
    """The example stack with a provisioning key in place of id and secret: with the key, and what
    `up` printed. Afterwards as it was before."""
    deployment, _ = first_up
    before = deployment.stack_file.read_text()
    key = deployment.lab.pangolin.new_provisioning_key()
    deployment.edit(newtId=None, newtSecret=None)
    deployment.set_secret("newtProvisioningKey", key)
    printed = deployment.up()
    wait_for_tunnel(deployment.lab)
    yield deployment, key, printed
    deployment.stack_file.write_text(before)
    deployment.up()


def provisioned(deployment: Deployment) -> int:
    """How often the server gave out credentials."""
    return sum(each["event"] == "provisioned" for each in deployment.lab.pangolin.events())


def configuration(deployment: Deployment) -> dict[str, str]:
    told = on_nas(deployment.lab, f"stat -c '%F %u %g' {FOLDER} {FOLDER}/config.json")
    assert told.splitlines() == ["directory 65534 65534", "regular file 65534 65534"]
    document: dict[str, str] = json.loads(on_nas(deployment.lab, f"cat {FOLDER}/config.json"))
    return document


def test_newt_trades_the_key_for_credentials_and_keeps_those_alone(
    keyed: tuple[Deployment, str, str],
) -> None:
    deployment, key, _ = keyed
    pangolin = deployment.lab.pangolin

    stored = configuration(deployment)

    assert stored["id"] == pangolin.newt_id
    assert stored["secret"] == pangolin.newt_secret
    assert "provisioningKey" not in stored
    assert provisioned(deployment) == 1
    assert key not in on_nas(deployment.lab, f"cat {FOLDER}/*")
    assert on_nas(deployment.lab, f"stat -c %a {FOLDER}") == "700\n", "for newt and root alone"


def test_neither_key_nor_secret_is_readable_anywhere_else(
    keyed: tuple[Deployment, str, str],
) -> None:
    deployment, key, printed = keyed
    lab = deployment.lab
    places = {
        "output of up": printed,
        "state": deployment.state(),
        "stack file": deployment.stack_file.read_text(),
        "stack outputs": str(deployment.outputs()),
        "docker inspect": str(inspect(lab)),
        "process list": on_nas(
            lab, "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'"
        ),
        "guard's files": on_nas(lab, "cat /var/lib/newt-egress/credentials* 2>/dev/null || :"),
        "newt's log": on_nas(lab, "docker logs newt-tunnel"),
        "preview": deployment.preview("--diff"),
    }
    for place, text in places.items():
        assert key not in text, f"newtProvisioningKey stands in the {place}"
        assert lab.pangolin.newt_secret not in text, f"newt's secret stands in the {place}"


def test_a_second_up_changes_nothing_though_newt_wrote_into_its_file(
    keyed: tuple[Deployment, str, str],
) -> None:
    deployment, _, _ = keyed
    before = configuration(deployment)
    deployment.preview("--expect-no-changes")
    deployment.up()
    assert configuration(deployment) == before


def test_a_changed_list_and_a_new_container_go_on_with_the_same_credentials(
    keyed: tuple[Deployment, str, str],
) -> None:
    deployment, _, _ = keyed
    text, before = deployment.stack_file.read_text(), inspect(deployment.lab)["Id"]
    deployment.edit(newt={"image": "fosrl/newt:1.15.9"})
    deployment.up()
    wait_for_tunnel(deployment.lab)
    assert inspect(deployment.lab)["Id"] != before
    deployment.stack_file.write_text(text)
    deployment.up()
    wait_for_tunnel(deployment.lab)
    assert provisioned(deployment) == 1, "a key is good for one registration"


def test_a_new_key_is_a_new_container_that_registers_anew(
    keyed: tuple[Deployment, str, str],
) -> None:
    deployment, _, _ = keyed
    before = inspect(deployment.lab)["Id"]
    deployment.set_secret("newtProvisioningKey", deployment.lab.pangolin.new_provisioning_key())
    deployment.up()
    wait_for_tunnel(deployment.lab)
    assert inspect(deployment.lab)["Id"] != before
    assert provisioned(deployment) == 2
    assert configuration(deployment)["id"] == deployment.lab.pangolin.newt_id
