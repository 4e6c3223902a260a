"""`new`: what is asked, which answers are taken, and that a stack is made whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from newt_tunnel.tools.new.command import INTERRUPTED, NOT_WRITTEN, READY
from newt_tunnel.tools.new.pulumi_stack import PASSPHRASE
from tests import readme
from tests.unit.new.workstation import HOST_KEY, RECORDED, SECRET, Conversation, Workstation
from tests.unit.new.workstation import PASSPHRASE as TYPED

REPOSITORY = Path(__file__).parents[3]
COMMAND = (
    "docker run fosrl/newt --id 2ix2t8xk22ubpfy --secret "
    f"{SECRET} --endpoint https://pangolin.example.com"
)
ANSWERS = ("y", COMMAND, "1 gitea=10.0.1.50:3000", "postgres=10.0.1.60:5432", TYPED, TYPED)
FLAGS = (
    *("nas", "--host", "10.0.1.10", "--endpoint", "https://pangolin.example.com"),
    *("--newt-id", "2ix2t8xk22ubpfy"),
    *("--secret-from", "later", "--fingerprint"),
)


def config(workstation: Workstation) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(workstation.file.read_text())["config"]
    return {key.removeprefix("newt-tunnel:"): value for key, value in found.items()}


def fingerprint(workstation: Workstation) -> str:
    talk = Conversation(["n"])
    workstation.new(talk)
    return next(word for word in talk.text.split() if word.startswith("SHA256:"))


def test_six_answers_make_a_stack_file_with_two_commands_left(at_work: Workstation) -> None:
    talk = Conversation(ANSWERS)
    assert at_work.new(talk) == READY
    made, _, pulumis = at_work.file.read_text().partition("encryptionsalt")
    assert made == (RECORDED / "nas.yaml").read_text()
    assert pulumis, "the stack was made"
    assert talk.said[-3:] == [
        "Two commands are left:",
        "  pulumi preview -s nas --diff",
        "  pulumi up -s nas",
    ]
    assert len(ANSWERS) + 3 <= 10, "with two passphrases and a yes for the commands that are left"


def test_the_conversation_in_the_documents_is_the_one_that_is_held(at_work: Workstation) -> None:
    at_work.answer("user", "admin")
    talk = Conversation(ANSWERS)
    assert at_work.new(talk, "nas", "--host", "admin@10.0.1.10") == READY
    written = readme.conversation()
    assert readme.comparable(talk.text) == readme.comparable(written)
    assert {*readme.answers(written).values()} == {*ANSWERS} - {COMMAND, TYPED}


def test_the_readme_begins_the_same_conversation() -> None:
    *first, rest = readme.block("A Docker host", "console").splitlines()
    assert rest == "..."
    assert readme.conversation().splitlines()[: len(first)] == first


def test_the_secret_goes_through_a_pipe_and_nowhere_else(at_work: Workstation) -> None:
    talk = Conversation(ANSWERS)
    assert at_work.new(talk) == READY
    assert at_work.stored == SECRET
    assert SECRET not in talk.text
    assert SECRET not in at_work.log
    assert SECRET not in at_work.file.read_text()
    for hidden in (TYPED,):
        assert hidden not in talk.text + at_work.log + at_work.file.read_text()


def test_the_fingerprint_is_shown_and_nothing_is_looked_at_before_it_is_confirmed(
    at_work: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    talk = Conversation(["n"])
    assert at_work.new(talk) == NOT_WRITTEN
    assert "SHA256:" in talk.text
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in talk.text
    assert "ssh " not in at_work.log
    assert "the host key is not confirmed" in capsys.readouterr().err
    assert at_work.left() == []


def test_an_answer_that_the_settings_refuse_is_asked_again_with_their_message(
    at_work: Workstation,
) -> None:
    answers = (
        *("maybe", "y", ""),
        *("http://pangolin.example.com", "https://pangolin.example.com", "NEWT", "2ix2t8xk22ubpfy"),
        *("has spaces in it", SECRET),
        *("7", "10.0.1.50:http", "gitea=10.0.1.50:3000"),
        *("git=10.0.1.50:3000", "postgres=10.0.1.60:5432", TYPED, "other", TYPED, TYPED),
    )
    talk = Conversation(answers)
    assert at_work.new(talk) == READY, talk.text
    for message in (
        "answer y or n",
        "pangolin.endpoint: http://pangolin.example.com: does not start with https://",
        "newtId: NEWT: is not a newt id",
        "holds spaces, line breaks or quotes",
        "7: is no number of the list",
        "egress[0]: 10.0.1.50:http: is not an entry",
        "the two differ",
    ):
        assert message in talk.text
    assert "has spaces in it" not in talk.text
    assert at_work.stored == SECRET
    assert [entry["name"] for entry in config(at_work)["egress"]] == ["gitea"]  # type: ignore[attr-defined]


def test_what_is_offered_is_unticked_and_stays_closed_without_an_answer(
    at_work: Workstation,
) -> None:
    talk = Conversation(["y", COMMAND, "", "", TYPED, TYPED])
    assert at_work.new(talk) == READY
    assert "  [ ]  1  jellyfin  10.0.1.10:8096/tcp" in talk.said
    assert config(at_work)["egress"] == []
    assert "    # - {name: jellyfin, host: 10.0.1.10, port: 8096}" in at_work.file.read_text()


@pytest.mark.parametrize("addresses", ["203.0.113.10", ""])
def test_a_public_server_needs_no_question_and_no_address(
    at_work: Workstation, addresses: str
) -> None:
    at_work.answer("addresses", addresses)
    talk = Conversation(ANSWERS)
    assert at_work.new(talk) == READY
    assert config(at_work)["pangolin"] == {"endpoint": "https://pangolin.example.com"}
    assert ("does not resolve there yet" in talk.text) == (not addresses)


def test_of_pangolin_cloud_the_nodes_are_written_too(at_work: Workstation) -> None:
    command = COMMAND.replace("pangolin.example.com", "app.pangolin.net")
    talk = Conversation([ANSWERS[0], command, *ANSWERS[2:]])
    assert at_work.new(talk) == READY
    assert config(at_work)["pangolin"] == {
        "endpoint": "https://app.pangolin.net",
        "nodes": "cloud",
    }
    assert "nodes documented on" in talk.text


def test_a_private_server_is_written_after_a_yes(at_work: Workstation) -> None:
    at_work.answer("addresses", "10.0.1.90\n")
    assert at_work.new(Conversation([*ANSWERS[:2], "y", *ANSWERS[2:]])) == READY
    assert config(at_work)["pangolin"] == {
        "endpoint": "https://pangolin.example.com",
        "addresses": ["10.0.1.90"],
    }


def test_a_server_that_leads_into_the_network_is_refused_without_a_yes(
    at_work: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    at_work.answer("addresses", "10.0.1.1\n")
    talk = Conversation(["y", COMMAND, ""])
    assert at_work.new(talk) == NOT_WRITTEN
    assert "pangolin.example.com leads to 10.0.1.1 there, which is not public" in talk.text
    assert "--pangolin-address: 10.0.1.1 is not your Pangolin" in capsys.readouterr().err


def test_a_newt_that_runs_gives_its_settings_and_its_secret_straight_to_pulumi(
    at_work: Workstation,
) -> None:
    at_work.look(
        "container\told\tfosrl/newt:1.12.0\tbridge",
        "newt\told\tfosrl/newt:1.12.0",
        "variable\told\tPANGOLIN_ENDPOINT",
        "variable\told\tNEWT_ID",
        "variable\told\tNEWT_SECRET",
        "setting\told\tPANGOLIN_ENDPOINT\thttps://pangolin.example.com",
        "setting\told\tNEWT_ID\tfromvariable",
        "flag\told\tid\t2ix2t8xk22ubpfy",
    )
    talk = Conversation(["y", "y", "", "", TYPED, TYPED])
    assert at_work.new(talk) == READY, talk.text
    assert config(at_work)["newtId"] == "2ix2t8xk22ubpfy", "a flag wins over the variable"
    assert at_work.stored == f"{SECRET}\n"
    assert "NEWT_SECRET (values not shown)" in talk.text
    assert SECRET not in talk.text + at_work.log
    assert talk.said[-4:] == [
        "Three commands are left:",
        "  pulumi preview -s nas --diff",
        "  ssh root@10.0.1.10 docker rm --force old"
        "  # the old newt: two with one id push each other out of Pangolin",
        "  pulumi up -s nas",
    ]
    assert "old" not in at_work.file.read_text(), "newt itself is no target"


RUNS = (
    "newt\told\tfosrl/newt:1.12.0",
    "variable\told\tNEWT_SECRET",
    "setting\told\tNEWT_ID\tofanother",
    "setting\told\tPANGOLIN_ENDPOINT\thttps://other.example.com",
)


def test_a_setting_of_the_newt_that_the_stack_refuses_is_asked_for(at_work: Workstation) -> None:
    at_work.look(*RUNS[:2], RUNS[2], "setting\told\tPANGOLIN_ENDPOINT\thttp://p.example.com\x1b[2J")
    talk = Conversation(["y", "y", "https://pangolin.example.com", "", "", TYPED, TYPED])
    assert at_work.new(talk) == READY, talk.text
    assert "does not start with https://" in talk.text
    assert "\x1b" not in talk.text, "a host writes nothing to the terminal by itself"


def test_a_newt_that_stays_gives_nothing(at_work: Workstation) -> None:
    at_work.look(*RUNS)
    talk = Conversation(["y", "n", *ANSWERS[1:]])
    assert at_work.new(talk) == READY, talk.text
    assert config(at_work)["newtId"] == "2ix2t8xk22ubpfy"
    assert at_work.stored == SECRET
    assert "Two commands are left:" in talk.said


@pytest.mark.parametrize(
    ("more", "words", "complaint"),
    [
        ((), (), "--old-newt: missing, and there is no terminal"),
        (("newt\tb\tnewt:1",), (), "--old-newt: several newts run (old, b); name one of them"),
        ((), ("--old-newt", "c"), "--old-newt: c is no newt there; there are: old"),
        (
            (),
            ("--old-newt", "none", "--secret-from", "host"),
            "--secret-from: no newt with a secret",
        ),
    ],
)
def test_without_a_terminal_a_newt_that_runs_is_named_by_a_flag(
    at_work: Workstation,
    more: tuple[str, ...],
    words: tuple[str, ...],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = fingerprint(at_work)
    at_work.look(*RUNS, *more)
    monkeypatch.setenv(PASSPHRASE, TYPED)
    talk = Conversation([], is_there=False)
    assert at_work.new(talk, *FLAGS, known, *words) == NOT_WRITTEN
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "admin@-oProxyCommand=x", "admin@"])
def test_a_host_that_ssh_would_take_for_an_option_is_refused(
    at_work: Workstation, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert at_work.new(Conversation([]), "nas", f"--host={host}") == NOT_WRITTEN
    assert "is no address" in capsys.readouterr().err


def test_a_secret_that_cannot_be_read_leaves_nothing(
    at_work: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    at_work.look(
        "newt\told\tfosrl/newt:1.12.0",
        "variable\told\tNEWT_SECRET",
        "setting\told\tNEWT_ID\t2ix2t8xk22ubpfy",
        "setting\told\tPANGOLIN_ENDPOINT\thttps://pangolin.example.com",
    )
    (at_work.here / "secret").unlink()
    assert at_work.new(Conversation(["y", "y", "", "", TYPED, TYPED])) == NOT_WRITTEN
    assert "newtSecret: cannot be read from there" in capsys.readouterr().err
    assert at_work.left() == []
    assert "stack rm nas --yes --preserve-config" in at_work.log


@pytest.mark.parametrize("typed", range(len(ANSWERS)))
@pytest.mark.parametrize("ends", ["^C", None])
def test_who_stops_at_a_question_leaves_nothing(
    at_work: Workstation, typed: int, ends: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [*ANSWERS[:typed], *([ends] if ends else [])]
    status = at_work.new(Conversation(answers))
    assert status == (INTERRUPTED if ends else NOT_WRITTEN)
    assert "stopped; nothing was written" in capsys.readouterr().err
    assert at_work.left() == []
    assert "stack init" not in at_work.log


def test_a_failing_pulumi_leaves_nothing_of_the_stack(
    at_work: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    at_work.answer("broken", "")
    assert at_work.new(Conversation(ANSWERS)) == NOT_WRITTEN
    assert "pulumi config set --secret newtSecret" in capsys.readouterr().err
    assert at_work.left() == []
    assert "stack rm nas" in at_work.log


def test_a_stack_file_is_not_overwritten(
    at_work: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    at_work.file.write_text("config: {}\n")
    talk = Conversation([])
    assert at_work.new(talk) == NOT_WRITTEN
    assert (
        "stacks/Pulumi.nas.yaml: is there already, and nothing is overwritten; edit it, move it "
        "away, or choose another name" in capsys.readouterr().err
    )
    assert at_work.file.read_text() == "config: {}\n"
    assert not talk.said


@pytest.mark.parametrize("edited", [False, True])
def test_of_the_examples_only_an_unchanged_one_of_a_clone_is_replaced(
    at_work: Workstation, edited: bool
) -> None:
    example = REPOSITORY / "stacks" / "Pulumi.nas.yaml"
    at_work.file.write_text(example.read_text())
    at_work.commit()
    if edited:
        at_work.file.write_text(example.read_text() + "# mine\n")
    before = at_work.file.read_text()
    status = at_work.new(Conversation(ANSWERS))
    assert status == (NOT_WRITTEN if edited else READY)
    assert (at_work.file.read_text() == before) == edited


def test_an_example_is_put_back_where_pulumi_fails(at_work: Workstation) -> None:
    example = REPOSITORY / "stacks" / "Pulumi.nas.yaml"
    at_work.file.write_text(example.read_text())
    at_work.commit()
    at_work.answer("broken", "")
    assert at_work.new(Conversation(ANSWERS)) == NOT_WRITTEN
    assert at_work.file.read_text() == example.read_text()
    assert at_work.left() == ["Pulumi.nas.yaml"]


def test_a_stack_that_pulumi_has_is_refused_before_any_question(
    at_work: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    at_work.has_stack("nas")
    talk = Conversation([])
    assert at_work.new(talk) == NOT_WRITTEN
    assert "nas: Pulumi's backend has this stack already" in capsys.readouterr().err
    assert not talk.said


def test_who_is_not_logged_in_to_pulumi_is_told_how(
    at_work: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    at_work.answer("logged-out", "")
    assert at_work.new(Conversation([])) == NOT_WRITTEN
    assert "run: pulumi login --local" in capsys.readouterr().err


def test_flags_answer_everything_without_a_terminal(
    at_work: Workstation, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = fingerprint(at_work)
    monkeypatch.setenv(PASSPHRASE, TYPED)
    more = ("--allow", "gitea=10.0.1.50:3000", "--allow", "1", "--dns", "10.0.1.54")
    talk = Conversation([], is_there=False)
    assert at_work.new(talk, *FLAGS, known, *more) == READY, talk.text
    written = config(at_work)
    assert [entry["name"] for entry in written["egress"]] == ["gitea", "jellyfin"]  # type: ignore[attr-defined]
    assert written["dns"] == ["10.0.1.54"]
    assert "  pulumi config set --secret newtSecret -s nas" in talk.said
    assert not (at_work.here / "stored").exists()


def test_a_secret_over_standard_input_goes_on_to_pulumi(
    at_work: Workstation, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = fingerprint(at_work)
    monkeypatch.setenv(PASSPHRASE, TYPED)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    words = ["stdin" if word == "later" else word for word in (*FLAGS, known)]
    done = subprocess.run(
        [sys.executable, "-m", "newt_tunnel", "new", *words],
        input=f"{SECRET}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == READY, done.stderr
    assert at_work.stored == f"{SECRET}\n"
    assert SECRET not in done.stdout + done.stderr + at_work.log


@pytest.mark.parametrize("flag", ["--fingerprint", "--endpoint", "--newt-id", "--secret-from"])
def test_a_missing_flag_without_a_terminal_is_named(
    at_work: Workstation,
    flag: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*FLAGS, fingerprint(at_work)]
    monkeypatch.setenv(PASSPHRASE, TYPED)
    place = words.index(flag)
    del words[place : place + 2]
    capsys.readouterr()
    assert at_work.new(Conversation([], is_there=False), *words) == NOT_WRITTEN
    assert f"new: {flag}: missing, and there is no terminal to ask at" in capsys.readouterr().err
    assert at_work.left() == []


def test_without_a_terminal_a_missing_passphrase_is_named(
    at_work: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert at_work.new(Conversation([], is_there=False), *FLAGS, "x") == NOT_WRITTEN
    assert "PULUMI_CONFIG_PASSPHRASE: not set" in capsys.readouterr().err


def test_a_service_that_keeps_the_key_needs_no_passphrase(at_work: Workstation) -> None:
    at_work.answer("backend", "https://api.pulumi.com")
    assert at_work.new(Conversation(ANSWERS[:-2])) == READY


def test_another_fingerprint_than_the_given_one_is_an_error(
    at_work: Workstation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PASSPHRASE, TYPED)
    words = [*FLAGS, "SHA256:other"]
    assert at_work.new(Conversation([], is_there=False), *words) == NOT_WRITTEN
    assert "--fingerprint: SHA256:other is not what 10.0.1.10 shows" in capsys.readouterr().err
    assert "ssh " not in at_work.log


@pytest.mark.parametrize(
    ("more", "without", "complaint"),
    [
        (("docker\trefused",), "docker", "root may not use Docker; there, run: sudo usermod"),
        (("docker\tmissing",), "docker", "Docker is not installed"),
        (("docker\tsilent\tCannot connect",), "docker", "Docker does not answer: Cannot connect"),
        (("docker\trootless",), "", "Docker is rootless"),
        (("docker\tpodman",), "", "Docker is podman"),
        (("sudo\tasks",), "sudo", "sudo asks root for a password"),
        (("sudo\tnone",), "sudo", "there is no sudo; log in as root: --user root"),
        ((), "firewall", "neither nft nor iptables works there"),
        ((), "boot", "nothing would load the rules at a restart"),
    ],
)
def test_a_host_that_is_not_fit_is_told_in_a_line(
    at_work: Workstation,
    more: tuple[str, ...],
    without: str,
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    at_work.look(*more, without=without)
    assert at_work.new(Conversation(["y"])) == NOT_WRITTEN
    said = capsys.readouterr().err
    assert said.startswith("new: 10.0.1.10: ")
    assert complaint in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("refusal", "complaint"),
    [
        ("root@10.0.1.10: Permission denied (publickey).", "root may not log in: "),
        ("Host key verification failed.", "shows another host key than a moment ago"),
        ("ssh: connect to host 10.0.1.10 port 22: No route to host", "No route to host"),
    ],
)
def test_a_login_that_fails_is_told_in_a_line(
    at_work: Workstation, refusal: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at_work.answer("refusal", f"{refusal}\n")
    assert at_work.new(Conversation(["y"])) == NOT_WRITTEN
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_a_host_that_does_not_answer_is_told_in_a_line(
    at_work: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    at_work.program("ssh-keyscan", "exit 1")
    assert at_work.new(Conversation([])) == NOT_WRITTEN
    assert "--host: no SSH server with an Ed25519 or ECDSA key" in capsys.readouterr().err


def test_an_agent_without_a_key_is_told_before_the_look(
    at_work: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    at_work.program("ssh-add", "exit 1")
    assert at_work.new(Conversation(["y"])) == NOT_WRITTEN
    assert "ssh agent: holds no key" in capsys.readouterr().err


def test_the_file_says_only_what_differs_from_the_defaults(at_work: Workstation) -> None:
    at_work.look("network\t172.30.0.0/16", "boot\tcron", without="boot")
    at_work.answer("user", "admin")
    assert at_work.new(Conversation(ANSWERS)) == READY
    assert config(at_work)["docker"] == {
        "address": "10.0.1.10",
        "user": "admin",
        "sudo": True,
        "hostKey": HOST_KEY,
        "persistence": "cron",
        "subnet": "10.213.0.0/24",
    }


def test_a_host_without_a_resolver_of_use_is_asked_about(at_work: Workstation) -> None:
    at_work.look(without="resolver")
    answers = (*ANSWERS[:2], "resolver.lan", "10.0.1.53", *ANSWERS[2:])
    talk = Conversation(answers)
    assert at_work.new(talk) == READY
    assert config(at_work)["dns"] == ["10.0.1.53"]
    assert "dns[0]: resolver.lan: " in talk.text
