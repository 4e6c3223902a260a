"""One command over one SSH connection, the way the official pulumi-command runs it.

Owns the session's environment, the streams, and what is an error. A connection is left open until
the plugin ends, as the official one leaves it.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import paramiko

from tests.standins.command.dial import Connection, Transport, dial
from tests.standins.command.quoting import go_quote
from tests.standins.resource import Log, Operation

CHUNK = 32768
UNREPORTED_STATUS = -1  # paramiko's word for "killed by a signal" and for "connection lost"
SIGNAL_NUMBERS = {"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9} | {
    "SEGV": 11,
    "PIPE": 13,
    "ALRM": 14,
    "TERM": 15,
}


class CommandError(Exception):
    """Running failed; the message is the resource's error."""


@dataclass(frozen=True)
class Command:
    """What is run, and what is logged of it."""

    script: str
    stdin: str
    environment: Mapping[str, str]
    previous_output: Mapping[str, str]  # set if the server lets us, else a warning
    log_stdout: bool
    log_stderr: bool


@dataclass(frozen=True)
class Result:
    """What the command printed, each without its last newline."""

    stdout: str
    stderr: str


# Kept so that no connection is closed by garbage collection: see the module's docstring.
_connections: list[paramiko.Transport] = []


def run(connection: Connection, command: Command, operation: Operation) -> Result:
    """Connects, runs, and returns the output; raises CommandError."""
    transport = dial(connection, operation)
    _connections.append(transport)
    try:
        channel = _session(transport, command, operation.log)
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise CommandError(str(error) or "EOF") from error
    output = _Output(channel, operation.log, command)
    problem = _execute(transport, channel, command, output)
    if problem:
        raise CommandError(f"{problem}: running {go_quote(command.script)}:\n{output.combined}")
    return Result(*(text.removesuffix("\n") for text in (output.stdout, output.stderr)))


def _execute(
    transport: Transport, channel: paramiko.Channel, command: Command, output: "_Output"
) -> str:
    """Runs the command to its end; what went wrong, if anything."""
    try:
        channel.exec_command(command.script.encode())
    except (paramiko.SSHException, OSError, EOFError):
        return "EOF"  # more than a packet holds, or the connection is lost
    sent = output.converse(command.stdin.encode())
    status = channel.recv_exit_status()
    if signal := transport.exit_signals.get(channel.chanid):
        return (
            f"Process exited with status {128 + SIGNAL_NUMBERS.get(signal, 0)} from signal {signal}"
        )
    if status == UNREPORTED_STATUS:
        return "wait: remote command exited without exit status or exit signal"
    if status:
        return f"Process exited with status {status}"
    return "" if sent else "EOF"


def _session(transport: paramiko.Transport, command: Command, log: Log) -> paramiko.Channel:
    """A session with the environment set.

    paramiko closes a channel on which a request was refused, where the original goes on: what the
    server refuses is therefore left out in a second session.
    """
    refused: set[str] = set()
    optional = dict(command.previous_output)
    while True:
        channel = transport.open_session()
        for name, value in command.environment.items():
            if not _set_variable(channel, name, value):
                log.error(_accept_env_hint(name))
                _refuse_variable(name)
        for name in [name for name in optional if name not in refused]:
            if not _set_variable(channel, name, optional[name]):
                log.warning(_accept_env_hint(name))
                refused.add(name)
                break
        else:
            return channel


def _set_variable(channel: paramiko.Channel, name: str, value: str) -> bool:
    """Asks for a variable and waits for the answer, which paramiko's own method does not."""
    message = paramiko.Message()
    message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("env")
    message.add_boolean(True)
    message.add_string(name)
    message.add_string(value)
    internals: Any = channel  # what paramiko's own requests use; its stubs hide it
    internals._event_pending()
    internals.transport._send_user_message(message)
    try:
        internals._wait_for_event()
    except paramiko.SSHException:
        return False
    return True


def _refuse_variable(name: str) -> NoReturn:
    raise CommandError(f'could not set environment variable "{name}": ssh: setenv failed')


def _accept_env_hint(name: str) -> str:
    return (
        f"Unable to set '{name}'. This only works if your SSH server is configured to accept\n"
        "\tthese variables via AcceptEnv. Alternatively, if a Bash-like shell runs the command"
        " on the remote host, you could\n"
        "\tprefix the command itself with the variables in the form 'VAR=value command'"
    )


class _Output:
    """Both output streams, apart and in the order of arrival, logged line by line."""

    def __init__(self, channel: paramiko.Channel, log: Log, command: Command) -> None:
        self._channel = channel
        self._log = log
        self._command = command
        self._lock = threading.Lock()
        self._parts: dict[str, list[bytes]] = {"stdout": [], "stderr": [], "combined": []}

    def converse(self, stdin: bytes) -> bool:
        """Sends stdin and reads both streams to their end; whether all of stdin was taken."""
        reader = threading.Thread(
            target=self._read, args=("stderr", self._channel.recv_stderr, self._command.log_stderr)
        )
        sent: list[bool] = []
        writer = threading.Thread(target=lambda: sent.append(self._send(stdin)))
        reader.start()
        writer.start()
        self._read("stdout", self._channel.recv, self._command.log_stdout)
        reader.join()
        writer.join()
        return sent == [True]

    def _send(self, stdin: bytes) -> bool:
        try:
            self._channel.sendall(stdin)
            self._channel.shutdown_write()
        except OSError:  # the command ended without reading it all
            return False
        return True

    def _read(self, name: str, receive: Callable[[int], bytes], logged: bool) -> None:
        line = b""
        while chunk := receive(CHUNK):
            with self._lock:
                self._parts[name].append(chunk)
                self._parts["combined"].append(chunk)
            if logged:
                *lines, line = (line + chunk).split(b"\n")
                for complete in lines:
                    self._log.status(complete.decode(errors="replace").removesuffix("\r"))
        if line:
            self._log.status(line.decode(errors="replace"))

    def _text(self, name: str) -> str:
        return b"".join(self._parts[name]).decode(errors="replace")

    @property
    def stdout(self) -> str:
        """All of it."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        """All of it."""
        return self._text("stderr")

    @property
    def combined(self) -> str:
        """Both, as they came."""
        return self._text("combined")
