"""remote.Command against a real sshd: what runs, what is refused, what an error says."""

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from typing_extensions import override

from tests.standins.command.remote import Command
from tests.standins.resource import Failure, Log, Operation
from tests.standins.sshd import Sshd
from tests.standins.values import UNKNOWN, Properties, Secret, Value

pytestmark = pytest.mark.lab
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICQyIQP98UnXhe96eTCwjjm8E19GJHISLceded1QJPIb"


class Recorder(Log):
    """Keeps what would be shown."""

    def __init__(self) -> None:
        super().__init__(None, "")
        self.lines: list[str] = []

    @override
    def status(self, line: str) -> None:
        self.lines.append(line)

    @override
    def warning(self, line: str) -> None:
        self.lines.append(f"warning: {line}")

    @override
    def error(self, line: str) -> None:
        self.lines.append(f"error: {line}")


class Host:
    """The resource type, connected to the server under test."""

    def __init__(self, server: Sshd) -> None:
        self.log = Recorder()
        self.operation = Operation("urn:pulumi:s::p::t::fw", self.log, threading.Event())
        self.type = Command()
        self.connection: dict[str, Value] = {
            "host": "127.0.0.1",
            "port": float(server.port),
            "hostKey": server.host_key,
            "privateKey": server.private_key,
            "dialErrorLimit": 0.0,
            "perDialTimeout": 3.0,
        }

    def inputs(self, connection: Properties | None = None, **program: Value) -> Properties:
        """The inputs as the engine would pass them on; a None in `connection` leaves it out."""
        merged = {**self.connection, **(connection or {})}
        given = Secret({name: value for name, value in merged.items() if value is not None})
        news: Properties = {"connection": given, **program}
        inputs, failures = self.type.check(news)
        assert not failures
        return inputs

    def create(self, connection: Properties | None = None, **program: Value) -> Properties:
        """The state after a create."""
        inputs = self.inputs(connection, **program)
        return self.type.create(self.operation, inputs, preview=False)[1]

    def failure(self, connection: Properties | None = None, **program: Value) -> str:
        """The error of a create that fails."""
        with pytest.raises(Failure) as raised:
            self.create(connection, **program)
        return str(raised.value)


@pytest.fixture
def host(ssh_server: Sshd, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host that knows nothing of the caller's own agent."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return Host(ssh_server)


def test_create_runs_the_command_with_stdin_and_keeps_the_output_without_its_last_newline(
    host: Host,
) -> None:
    state = host.create(create="cat; echo told >&2", stdin="one\ntwo\n\n")
    assert state["stdout"] == "one\ntwo\n"
    assert state["stderr"] == "told"
    assert state["stdin"] == "one\ntwo\n\n"


def test_a_script_of_200_kilobytes_passes_through_stdin(host: Host) -> None:
    script = "# padding\n" * 20480 + "echo done\n"
    assert host.create(create="sh -s", stdin=script)["stdout"] == "done"


def test_a_script_of_more_than_128_kilobytes_is_too_long_for_create(host: Host) -> None:
    assert "Argument list too long" in host.failure(create="#" + "x" * (128 << 10))
    assert host.failure(create="#" + "x" * (300 << 10)).startswith("EOF: running")


def test_a_failure_shows_status_script_and_both_outputs(host: Host) -> None:
    message = host.failure(create="echo out\necho err >&2\nexit 3", stdin="hidden")
    assert message.startswith(
        'Process exited with status 3: running "echo out\\necho err >&2\\nexit 3":\n'
    )
    assert sorted(message.splitlines()[1:]) == ["err", "out"]
    assert "hidden" not in message


def test_a_command_that_is_killed_says_by_which_signal(host: Host) -> None:
    assert host.failure(create="kill -9 $$").startswith(
        "Process exited with status 137 from signal KILL: running"
    )


def test_a_preview_and_a_command_without_create_open_no_connection(host: Host) -> None:
    inputs = host.inputs(create="echo hi", connection={"host": "192.0.2.1"})
    identity, state = host.type.create(host.operation, inputs, preview=True)
    assert identity.startswith("fw")
    assert state["stdout"] is UNKNOWN
    assert host.create(delete="x", connection={"host": "192.0.2.1"})["stdout"] == ""


def test_output_is_logged_line_by_line_as_logging_says(host: Host) -> None:
    host.create(create="echo a; echo b; echo c >&2")
    assert sorted(host.log.lines) == ["a", "b", "c"]
    host.log.lines.clear()
    host.create(create="echo a; echo c >&2", logging="stderr")
    assert host.log.lines == ["c"]
    host.log.lines.clear()
    host.create(create="echo a; echo c >&2", logging="none")
    assert host.log.lines == []


def test_update_runs_update_else_create_and_delete_runs_with_the_old_inputs(
    host: Host, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    before = host.create(create="echo made", delete=f"cat > {note}", stdin="old")

    news = host.inputs(create="echo again", stdin="new", addPreviousOutputInEnv=False)
    after = host.type.update(host.operation, before, news, [], preview=False)
    assert after["stdout"] == "again"
    news = host.inputs(create="echo again", update="echo changed", addPreviousOutputInEnv=False)
    after = host.type.update(host.operation, before, news, [], preview=False)
    assert after["stdout"] == "changed"

    host.type.delete(host.operation, {**before, "addPreviousOutputInEnv": False})
    assert note.read_text() == "old"


def test_the_previous_output_is_offered_and_a_server_that_declines_gets_a_warning(
    host: Host,
) -> None:
    before = host.create(create="echo first")
    news = host.inputs(create='echo "got ${PULUMI_COMMAND_STDOUT:-nothing}"')
    after = host.type.update(host.operation, before, news, [], preview=False)
    assert after["stdout"] == "got nothing"
    warning = "warning: Unable to set 'PULUMI_COMMAND_STDOUT'"
    assert any(line.startswith(warning) for line in host.log.lines)


def test_environment_needs_the_servers_consent(host: Host) -> None:
    assert host.create(create="echo $ACCEPTED", environment={"ACCEPTED": "yes"})["stdout"] == "yes"
    message = host.failure(create="true", environment={"REFUSED": "x"})
    assert message == 'could not set environment variable "REFUSED": ssh: setenv failed'
    assert any("AcceptEnv" in line for line in host.log.lines)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hostKey": OTHER_KEY}, "ssh: handshake failed: ssh: host key mismatch"),
        ({"privateKey": None}, "attempted methods [none], no supported methods remain"),
        ({"user": "nobody"}, "attempted methods [none publickey], no supported methods remain"),
        ({"port": 1.0}, "dial tcp 127.0.0.1:1: connect: connection refused"),
        ({"host": "nosuch.invalid"}, "no such host"),
    ],
    ids=["other host key", "no key", "other user", "no server", "no such name"],
)
def test_a_connection_that_fails_says_why_after_its_attempts(
    host: Host, changed: Properties, message: str
) -> None:
    failure = host.failure(create="true", connection=changed)
    assert failure.startswith("after 0 failed attempts: ")
    assert failure.endswith(message)


def test_the_dial_is_repeated_up_to_the_limit(host: Host) -> None:
    failure = host.failure(create="true", connection={"port": 1.0, "dialErrorLimit": 2.0})
    assert failure.startswith("after 2 failed attempts: ")
    assert host.log.lines == ["Dial 1/2 failed: retrying", "Dial 2/2 failed: retrying"]


def test_a_server_that_answers_late_is_reached_by_a_later_attempt(
    host: Host, ssh_server: Sshd
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    def forward() -> None:
        time.sleep(0.5)
        with socket.create_server(("127.0.0.1", port)) as listener:
            client, _ = listener.accept()
        upstream = socket.create_connection(("127.0.0.1", ssh_server.port))
        threading.Thread(target=_pump, args=(client, upstream), daemon=True).start()
        _pump(upstream, client)

    threading.Thread(target=forward, daemon=True).start()
    late: Properties = {"port": float(port), "dialErrorLimit": 10.0}
    assert host.create(create="echo hi", connection=late)["stdout"] == "hi"
    assert host.log.lines[0] == "Dial 1/10 failed: retrying"


def test_without_a_host_key_any_host_is_accepted(host: Host) -> None:
    assert host.create(create="echo hi", connection={"hostKey": None})["stdout"] == "hi"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hostKey": "AAAAC3Nza"}, "failed to parse host key: ssh: no key found"),
        ({"privateKey": "nonsense"}, "ssh: no key found"),
        ({"agentSocketPath": "/nonexistent"}, "dial unix /nonexistent: connect: no such file"),
    ],
)
def test_a_mistake_in_the_connection_itself_is_not_tried_again(
    host: Host, changed: Properties, message: str
) -> None:
    failure = host.failure(create="true", connection={**changed, "dialErrorLimit": 10.0})
    assert failure.startswith(message)
    assert host.log.lines == []


def test_an_agent_serves_where_no_private_key_is_given(
    host: Host, ssh_server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        while not path.exists():
            time.sleep(0.02)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
        add = ["ssh-add", "-q", str(ssh_server.key_file)]
        subprocess.run(add, env=environment, check=True)
        by_path: Properties = {"privateKey": None, "agentSocketPath": str(path)}
        assert host.create(create="echo hi", connection=by_path)["stdout"] == "hi"
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        by_environment: Properties = {"privateKey": None}
        assert host.create(create="echo hi", connection=by_environment)["stdout"] == "hi"
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    while data := source.recv(65536):
        sink.sendall(data)
    sink.close()
