"""The README alone: its quick start for a Docker host, typed as it is printed, until newt is gone.

After everything else of its share: the host must be without a stack.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests import readme
from tests.lab import Lab
from tests.lab.topology import DOMAIN_PANGOLIN, NAS_ADDRESS, PLACES, RESOLVER_ADDRESS
from tests.stack.observe import firewall_of, on_nas
from tests.stack.reader import PASSPHRASE, Part, Reader, by_hand, site

pytestmark = pytest.mark.lab

WIZARD = Part(heading="A Docker host", stack="nas", tool="ssh ", others="kubectl ")
BY_HAND = Part(
    heading="By hand", page=readme.GETTING_STARTED, stack="nas", tool="ssh ", others="kubectl "
)
USER = "admin"
#: ssh's own question, at the first login by hand.
UNKNOWN_HOST = {r"Are you sure you want to continue connecting \(.*\)\?": "yes"}
MOST_ANSWERS, MOST_COMMANDS, MOST_SECONDS = 10, 3, 240


def address(machine: str) -> str:
    return PLACES[machine].addresses[0].partition("/")[0]


#: The README's examples are the lab's own.
VALUES = {
    "10.0.1.50": address("gitea"),
    "10.0.1.60": address("postgres"),
    "10.0.1.10": NAS_ADDRESS,
    "admin": USER,
}


def test_a_reader_of_the_readme_alone_deploys_verifies_and_removes_newt_on_a_docker_host(
    lab: Lab, engine: dict[str, str], tmp_path: Path
) -> None:
    pangolin = lab.pangolin
    pasted = (
        f"newt --id {pangolin.newt_id} --secret {pangolin.newt_secret} "
        f"--endpoint https://{DOMAIN_PANGOLIN}"
    )
    shown = readme.answers(readme.conversation())
    hidden = {
        r"Paste newt's command .*:": pasted,
        r"New passphrase for the stack's secrets .*:": PASSPHRASE,
        r"The same again:": PASSPHRASE,
    }
    answers = {**{re.escape(asked): typed for asked, typed in shown.items()}, **hidden}
    reader = Reader(lab, engine, tmp_path, WIZARD, values=VALUES, answers=answers | UNKNOWN_HOST)
    with reader.terminal() as terminal:
        reader.set_up(terminal)
        started, begin = time.monotonic(), len(terminal.transcript)
        reader.deploy(terminal)
        seconds = time.monotonic() - started
        said = terminal.transcript[begin:]
        commands = len(readme.block(WIZARD.heading, "sh").splitlines())
        lab.say(f"{commands} commands, {terminal.answered} answers, {seconds:.0f} s to a newt")
        assert commands <= MOST_COMMANDS
        assert terminal.answered <= MOST_ANSWERS
        assert seconds < MOST_SECONDS
        assert readme.comparable(said) == readme.comparable(readme.conversation())
        reader.assert_newt_exposes_the_listed_target_alone()
        reader.verify(terminal)
        reader.finish(terminal)
    assert_nothing_is_left(lab)


def test_a_reader_who_edits_the_stack_file_by_hand_deploys_newt_too(
    lab: Lab, engine: dict[str, str], tmp_path: Path
) -> None:
    reader = Reader(
        lab,
        engine,
        tmp_path,
        BY_HAND,
        values={
            **VALUES,
            **site(lab),
            "10.0.1.53": RESOLVER_ADDRESS,
            "10.0.1.200": address("printer"),
            "homeassistant.lan": "homeassistant.lan",
            "10.0.1.1": "10.0.1.1",
        },
        answers=by_hand(lab) | UNKNOWN_HOST,
    )
    with reader.terminal() as terminal:
        reader.set_up(terminal)
        reader.deploy(terminal)
        reader.assert_newt_exposes_the_listed_target_alone()
        reader.finish(terminal)
    assert_nothing_is_left(lab)


def assert_nothing_is_left(lab: Lab) -> None:
    left = firewall_of(lab)
    assert "NEWT" not in left
    assert "newt_guard" not in left
    assert on_nas(lab, "docker ps -aq -f name=newt-tunnel; docker volume ls -q").strip() == ""
