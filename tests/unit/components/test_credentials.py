"""newt's credentials: a file on the host that is written from a secret and mounted read-only."""

from __future__ import annotations

import json

import pytest

from tests.unit.components.nas import (
    CONTAINER,
    CREDENTIALS,
    NEWT_SECRET,
    PROVISIONING,
    PROVISIONING_KEY,
    deploy,
)
from tests.unit.components.recording import Recording, is_secret, revealed


@pytest.mark.parametrize("preview", [True, False])
def test_they_travel_as_a_secret_standard_input_that_newt_reads_as_its_configuration(
    preview: bool,
) -> None:
    document = deploy(preview=preview).named(CREDENTIALS).inputs["stdin"]
    assert is_secret(document)
    assert json.loads(revealed(document)) == {
        "endpoint": "https://pangolin.example.com",
        "id": "2ix2t8xk22ubpfy",
        "secret": NEWT_SECRET,
    }


def test_a_provisioning_key_travels_in_the_same_way() -> None:
    document = deploy({"newtId": None}, given=PROVISIONING).named(CREDENTIALS).inputs["stdin"]
    assert is_secret(document)
    assert json.loads(revealed(document)) == {
        "endpoint": "https://pangolin.example.com",
        "provisioningKey": PROVISIONING_KEY,
    }


def test_the_host_stores_them_in_a_file_of_its_own(nas: Recording) -> None:
    assert nas.named(CREDENTIALS).inputs["create"] == (
        "/usr/local/sbin/newt-egress credentials file"
    )


def test_only_what_newt_must_write_to_is_stored_in_its_volume() -> None:
    recording = deploy({"newtId": None}, given=PROVISIONING)
    assert recording.named(CREDENTIALS).inputs["create"] == (
        "/usr/local/sbin/newt-egress credentials volume newt-config"
    )


def test_the_command_does_not_log_what_it_prints(nas: Recording) -> None:
    assert nas.named(CREDENTIALS).inputs["logging"] == "stderr"


def test_destroying_leaves_no_command_to_undo(nas: Recording) -> None:
    assert "delete" not in nas.named(CREDENTIALS).inputs, (
        "the folder goes with the firewall's program, and a replacement must delete nothing"
    )


def test_a_preview_does_not_know_the_revision_yet(preview: Recording) -> None:
    values = [label["value"] for label in preview.named(CONTAINER).inputs["labels"]]
    assert "newt-tunnel/nas" in values, "and still it knows everything else"
