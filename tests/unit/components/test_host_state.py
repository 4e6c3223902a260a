"""The look at the host before anything is declared, and what it makes of the firewall."""

from __future__ import annotations

import re

import pulumi
import pytest

from newt_tunnel.docker_host.payload import PROGRAM_PATH
from newt_tunnel.docker_host.ssh import HostKeyError, UnreachableError
from tests.unit.components.nas import (
    ABSENT,
    CONTAINER,
    CREDENTIALS,
    GENERATION,
    ON_DOCKER,
    RULES,
    Host,
    as_left,
    declared_files,
    deploy,
)
from tests.unit.components.recording import Recording

_FRESH = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NO_ANSWER = UnreachableError("connect to host 10.0.1.10 port 22: Connection refused")


def _generation(recording: Recording) -> str:
    create = recording.named(RULES).inputs["create"]
    assert isinstance(create, str)
    return create.split()[-1]


def _error(host: Host, *, preview: bool = False) -> str:
    """The one error of a deployment that must not change anything."""
    recording = Recording()
    with pytest.raises(pulumi.RunError) as error:
        deploy(host=host, preview=preview, into=recording)
    declared = {resource.name for resource in recording.resources}
    assert declared.isdisjoint({RULES, CREDENTIALS, *ON_DOCKER}), "nothing may be touched"
    return str(error.value)


def test_one_look_asks_the_installed_program_and_changes_nothing() -> None:
    host = Host()
    deploy(host=host)
    (command,) = host.asked
    assert f"{PROGRAM_PATH} --instance nas check" in command
    assert "echo state=absent" in command, "a host without the program is no error"


def test_a_host_without_rules_gets_them_and_the_user_is_told(nas: Recording) -> None:
    assert _FRESH.fullmatch(_generation(nas))
    assert nas.messages("info") == [
        "10.0.1.10 has no rules of newt-tunnel yet; they will be loaded"
    ]


@pytest.mark.parametrize("preview", [True, False])
def test_a_host_as_it_was_left_keeps_its_generation_and_nothing_is_said(
    nas: Recording, preview: bool
) -> None:
    recording = deploy(host=Host(as_left(nas)), preview=preview)
    assert _generation(recording) == GENERATION
    assert recording.logs == []
    assert recording.named(CREDENTIALS).inputs["triggers"] == [GENERATION]


def test_a_second_update_asks_for_exactly_the_same(nas: Recording) -> None:
    host = Host(as_left(nas))
    first, second = deploy(host=host), deploy(host=host)
    for resource in first.resources:
        assert second.named(resource.name).inputs == resource.inputs, "up twice must change nothing"


@pytest.mark.parametrize("finding", ["held=yes", "open=the cage is open: FORWARD leads elsewhere"])
def test_a_container_that_is_made_while_newt_is_held_is_not_started(
    nas: Recording, finding: str
) -> None:
    assert "start" not in nas.named(CONTAINER).inputs, "a stack that is well shows no change"

    recording = deploy(host=Host(f"{as_left(nas)}{finding}\n"))

    container = recording.named(CONTAINER)
    assert container.inputs["start"] is False
    assert container.ignore_changes == (), "what is ignored is not there when it is replaced"


def test_names_that_are_not_refreshed_are_a_warning_and_no_change(nas: Recording) -> None:
    recording = deploy(host=Host(f"{as_left(nas)}unresolved=cannot write (disk full?)\n"))
    assert _generation(recording) == GENERATION
    (said,) = recording.messages("warning")
    assert "host names are not refreshed" in said
    assert "disk full" in said


@pytest.mark.parametrize("preview", [True, False])
def test_rules_that_were_flushed_or_edited_are_reported_and_loaded_again(
    nas: Recording, preview: bool
) -> None:
    faults = "PREROUTING does not jump to NEWT-EGRESS first"
    host = Host(as_left(nas, state="drifted", faults=faults))
    recording = deploy(host=host, preview=preview)
    assert recording.messages("warning") == [
        f"10.0.1.10 differs from what was deployed ({faults}); the rules will be loaded again"
    ]
    assert _generation(recording) != GENERATION, "a changed input is what makes it an update"
    assert _FRESH.fullmatch(_generation(recording))
    assert recording.named(RULES).ignore_changes == ()
    assert recording.named(CREDENTIALS).inputs["triggers"] == [_generation(recording)], (
        "a host that lost its rules may have lost the credentials too"
    )


def test_rules_of_an_update_that_lost_its_connection_are_replaced(nas: Recording) -> None:
    wide = deploy(
        {
            "egress": [{"name": "all", "cidr": "10.0.1.0/24", "port": "1-65535"}],
            "mustNotReach": None,
        }
    )
    confirmed = dict(line.split("=", 1) for line in as_left(nas).splitlines())["hash"]
    host = Host(as_left(wide, confirmed=confirmed))
    reverted = deploy(host=host)
    assert reverted.messages("warning") == [
        "10.0.1.10 carries rules of an update that did not finish; the declared rules will be "
        "loaded"
    ]
    assert _generation(reverted) != GENERATION, (
        "the state holds the old inputs: without a new generation the host would stay wide open"
    )


def test_an_update_that_was_loaded_but_not_recorded_is_recorded(nas: Recording) -> None:
    host = Host(as_left(nas, confirmed="0" * 64))
    assert _generation(deploy(host=host)) == GENERATION, (
        "the host carries what is declared; its generation differs from the state's anyway"
    )


def test_a_new_declaration_alone_keeps_the_generation(nas: Recording) -> None:
    recording = deploy({"dns": ["10.0.1.54"]}, host=Host(as_left(nas)))
    assert _generation(recording) == GENERATION
    assert recording.logs == [], "a change of the user's own is not a finding"


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("state", ["ok", "drifted"])
def test_a_host_of_another_stack_is_left_alone(nas: Recording, preview: bool, state: str) -> None:
    host = Host(as_left(nas, state=state, owner="newt-tunnel/other"))
    assert _error(host, preview=preview) == (
        "docker.address: 10.0.1.10 has docker.instance nas already, of stack newt-tunnel/other: "
        "write another docker.instance, or choose another docker.address"
    )


@pytest.mark.parametrize("preview", [True, False])
def test_another_host_key_is_an_error_and_not_to_be_waved_through(preview: bool) -> None:
    host = Host(HostKeyError("Host key verification failed."))
    assert _error(host, preview=preview) == (
        "docker.hostKey: 10.0.1.10 presents another key (Host key verification failed.): "
        "find out why before you change it"
    )


def test_a_preview_without_the_host_warns_and_stays_with_what_the_state_holds() -> None:
    recording = deploy(host=Host(NO_ANSWER), preview=True)
    assert recording.messages("warning") == [
        f"10.0.1.10 cannot be reached ({NO_ANSWER}): whether its firewall is still the declared "
        "one is not known",
        "docker.firewall: is not written, and the host cannot be reached: nftables is assumed; an "
        "update keeps iptables where the host's record says iptables",
    ]
    assert recording.named(RULES).ignore_changes == ("create",), (
        "an unknown generation would show as an update that nobody asked for"
    )
    assert recording.named(CREDENTIALS).ignore_changes == ("triggers",)


def test_a_preview_without_the_host_still_shows_changed_rules(nas: Recording) -> None:
    recording = deploy(host=Host(NO_ANSWER), preview=True)
    assert recording.named(RULES).inputs["stdin"] == nas.named(RULES).inputs["stdin"]
    assert "stdin" not in recording.named(RULES).ignore_changes


def test_an_update_without_the_host_fails_before_anything_is_changed() -> None:
    assert _error(Host(NO_ANSWER)) == (
        f"docker.address: 10.0.1.10: {NO_ANSWER}: nothing was changed"
    )


def test_with_the_host_no_change_is_ignored(nas: Recording, preview: Recording) -> None:
    for recording in (nas, preview):
        for resource in recording.resources:
            assert resource.ignore_changes == ()


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(RuntimeError("sudo asks admin for a password"), id="the command fails"),
        pytest.param("Welcome to your NAS!\n", id="it answers something else"),
        pytest.param("state=fine\n", id="it answers an unknown state"),
    ],
)
def test_an_answer_that_cannot_be_read_is_an_error(answer: str | Exception, preview: bool) -> None:
    text = _error(Host(answer), preview=preview)
    assert text.startswith("docker.address: 10.0.1.10: cannot read the state of its firewall: ")
    assert (str(answer) if isinstance(answer, Exception) else answer.strip()) in text


def test_greetings_around_the_answer_do_not_disturb() -> None:
    recording = deploy(host=Host(f"Welcome to your NAS!\n{ABSENT}"))
    assert recording.messages("info")


def test_whoever_shares_newts_network_is_told_of_and_changes_nothing(nas: Recording) -> None:
    host = Host(as_left(nas, neighbours="stranger"))
    found = deploy(host=host, preview=True)
    assert _generation(found) == GENERATION
    (warning,) = found.messages("warning")
    assert "10.0.1.10: on newt's network, where newt must be alone: stranger" in warning
    assert "docker network disconnect newt NAME" in warning


UNSAID = "docker.firewall: keeps iptables, as the host's record says"


def test_a_stack_that_says_nothing_keeps_the_iptables_of_its_host_without_a_change() -> None:
    before = deploy({"docker": {"firewall": "iptables"}})
    host = Host(as_left(before))
    for preview in (True, False):
        kept = deploy(host=host, preview=preview)
        assert kept.named(RULES).inputs["stdin"] == before.named(RULES).inputs["stdin"]
        assert _generation(kept) == GENERATION
        assert kept.messages("info") == [f"{UNSAID}; write docker.firewall: nftables to change"]
        assert kept.messages("warning") == []
    written = deploy({"docker": {"firewall": "nftables"}}, host=host)
    assert "rules.nft" in declared_files(written)
    assert written.logs == []


@pytest.mark.parametrize("firewall", ["iptables", "nftables"])
def test_a_preview_without_the_host_goes_by_the_outputs_of_the_last_update(firewall: str) -> None:
    before = deploy({"docker": {"firewall": firewall}})
    found = deploy(host=Host(NO_ANSWER), preview=True, outputs=before.stack_outputs)
    assert found.named(RULES).inputs["stdin"] == before.named(RULES).inputs["stdin"]
    assert len(found.messages("warning")) == 1, "that the host cannot be reached"
    assert len(found.messages("info")) == (firewall == "iptables")


@pytest.mark.parametrize("preview", [True, False])
def test_a_host_without_nft_is_an_error_that_names_iptables(preview: bool) -> None:
    host = Host("without_nft=nft: not found\nstate=absent\n")
    assert _error(host, preview=preview) == (
        "docker.firewall: nftables (the default): nft cannot hold the rules on 10.0.1.10 (nft: "
        "not found); install nftables, or write docker.firewall: iptables"
    )
    deploy({"docker": {"firewall": "iptables"}}, host=host, preview=preview)
    deploy({"docker": {"hook": "docker-user"}}, host=host, preview=preview)


def test_a_kept_iptables_warns_of_what_a_longer_list_costs_and_refuses_a_longer_one() -> None:
    host = Host(as_left(deploy({"docker": {"firewall": "iptables"}})))

    def egress(count: int) -> dict[str, object]:
        return {
            "egress": [{"name": "a", "host": "10.0.1.50", "port": [*range(1000, 1000 + count)]}]
        }

    (warning,) = deploy(egress(100), host=host).messages("warning")
    assert "104 targets slow newt down: 100 cost 13 % on a connection and 8 %" in warning
    with pytest.raises(pulumi.RunError, match="504 targets are more than the 500"):
        deploy(egress(500), host=host)
