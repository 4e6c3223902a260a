"""newt's credentials: a file on the host that is written from a secret and mounted read-only."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.unit.components.nas import (
    AS_ROOT,
    CONTAINER,
    CREDENTIALS,
    NEWT_SECRET,
    PROVISIONING,
    PROVISIONING_KEY,
    REVISION,
    Host,
    as_left,
    deploy,
)
from tests.unit.components.recording import UNKNOWN, Recording, is_secret, revealed


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
        f"{AS_ROOT}/usr/local/sbin/newt-egress --instance nas credentials file"
    )


def test_only_what_newt_must_write_to_is_stored_in_its_volume() -> None:
    recording = deploy({"newtId": None}, given=PROVISIONING)
    assert recording.named(CREDENTIALS).inputs["create"] == (
        f"{AS_ROOT}/usr/local/sbin/newt-egress --instance nas credentials volume newt-config"
    )


def test_the_command_does_not_log_what_it_prints(nas: Recording) -> None:
    assert nas.named(CREDENTIALS).inputs["logging"] == "stderr"


def test_destroying_leaves_no_command_to_undo(nas: Recording) -> None:
    assert "delete" not in nas.named(CREDENTIALS).inputs, (
        "the folder goes with the firewall's program, and a replacement must delete nothing"
    )


SEED = "8a5f0c1d2e3b4a69"


def _stored(document: str, place: str = "file") -> str:
    """As `newt-egress check` says it."""
    salted = subprocess.run(
        ["sh", "-c", f"{{ echo {SEED}; cat; }} | sha256sum | cut -d ' ' -f 1"],
        input=document,
        capture_output=True,
        text=True,
        check=True,
    )
    return f"{SEED} {salted.stdout.strip()} {place}"


def _labels(recording: Recording) -> dict[str, object]:
    return {label["label"]: label["value"] for label in recording.named(CONTAINER).inputs["labels"]}


def test_a_preview_that_stores_the_same_credentials_again_announces_no_other_container(
    nas: Recording,
) -> None:
    document = revealed(nas.named(CREDENTIALS).inputs["stdin"])
    drifted = as_left(nas, state="drifted", faults="flushed", credentials=_stored(document))
    label = _labels(deploy(host=Host(drifted), preview=True))["newt-tunnel.credentials"]
    assert label == SEED, "up keeps the container, since the host keeps the revision"
    assert not is_secret(label)


@pytest.mark.parametrize("stored", ["", "other", "missing"])
def test_a_preview_that_stores_other_credentials_does_not_know_the_revision(
    nas: Recording, stored: str
) -> None:
    document = revealed(nas.named(CREDENTIALS).inputs["stdin"])
    said = {"": "", "other": _stored("another secret"), "missing": _stored(document, "missing")}
    drifted = as_left(nas, state="drifted", faults="flushed", credentials=said[stored])
    label = _labels(deploy(host=Host(drifted), preview=True))["newt-tunnel.credentials"]
    assert label == UNKNOWN


def test_an_update_takes_the_revision_from_the_host_alone(nas: Recording) -> None:
    document = revealed(nas.named(CREDENTIALS).inputs["stdin"])
    seen = as_left(nas, credentials=_stored(document).replace(SEED, "0123456789abcdef"))
    assert _labels(deploy(host=Host(seen)))["newt-tunnel.credentials"] == REVISION


def test_a_preview_does_not_know_the_revision_yet(preview: Recording) -> None:
    values = [label["value"] for label in preview.named(CONTAINER).inputs["labels"]]
    assert "newt-tunnel/nas" in values, "and still it knows everything else"
