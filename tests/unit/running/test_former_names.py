"""What the comparison with the former program leaves out: new names of Jobs that it replaces."""

from __future__ import annotations

from typing import Any

from tests.stack.former import AUTONAMED, without_new_names

STACK = "urn:pulumi:k3s-home::newt-tunnel::"
JOB = f"{STACK}newt-tunnel:kubernetes:PolicyProof$kubernetes:batch/v1:Job::proving"
SECRET = f"{STACK}kubernetes:core/v1:Secret::credentials"


def declared(urn: str, name: str, *, generated: bool = True) -> dict[str, Any]:
    mark = {"annotations": {AUTONAMED: "true"}} if generated else {}
    return {urn: {"inputs": {"metadata": {"name": name, **mark}}, "parent": STACK}}


def test_a_replaced_job_may_end_in_other_digits_and_in_nothing_else() -> None:
    before, after = declared(JOB, "proving-0a1b2c3d"), declared(JOB, "proving-99999999")
    assert without_new_names(before, {JOB}) == without_new_names(after, {JOB})
    renamed = declared(JOB, "proof-99999999")
    assert without_new_names(before, {JOB}) != without_new_names(renamed, {JOB})
    assert before == declared(JOB, "proving-0a1b2c3d"), "what it was given stays as it was"


def test_the_name_of_a_job_counts_where_the_job_did_not_change_or_where_the_program_wrote_it() -> (
    None
):
    before, after = declared(JOB, "proving-0a1b2c3d"), declared(JOB, "proving-99999999")
    assert without_new_names(before, set()) != without_new_names(after, set())
    written = [declared(JOB, name, generated=False) for name in ("p-0a1b2c3d", "p-99999999")]
    assert without_new_names(written[0], {JOB}) != without_new_names(written[1], {JOB})


def test_other_objects_are_updated_in_place_and_keep_their_name() -> None:
    before, after = declared(SECRET, "keys-0a1b2c3d"), declared(SECRET, "keys-99999999")
    assert without_new_names(before, {SECRET}) != without_new_names(after, {SECRET})
