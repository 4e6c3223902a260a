"""One SSH connection and one command over it, the way the official pulumi-command does it.

Owns the dial with its retries, host key and authentication, the session's environment, and the error
texts, which follow those of Go's SSH library. A connection is left open until the plugin ends, as
the official one leaves it. Not imitated: no time limit at all on the handshake (here paramiko's 15 s).
"""

import base64
import binascii
import functools
import io
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import paramiko
import paramiko.agent

from tests.standins.server import Log, Operation
from tests.standins.values import Value

FIRST_DELAY, DELAY_FACTOR, LONGEST_DELAY = 0.1, 1.5, 5.0
UNLIMITED = -1
CHUNK = 32768
KEY_CLASSES = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
UNREPORTED_STATUS = -1  # paramiko's word for "killed by a signal" and for "connection lost"


class CommandError(Exception):
    """Connecting or running failed; the message is the resource's error."""


class _DialError(Exception):
    """One attempt to connect failed; another may succeed."""


@dataclass(frozen=True)
class Connection:
    """The resolved input `connection`."""

    host: str
    port: int
    user: str
    dial_error_limit: int
    per_dial_timeout: int
    host_key: str | None = None
    password: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    private_key_password: str | None = field(default=None, repr=False)
    agent_socket: str | None = None

    @classmethod
    def of(cls, value: Value) -> "Connection":
        """From checked inputs, without secret marks."""
        if not isinstance(value, dict):
            raise TypeError(
                f"connection is {type(value).__name__}, and was checked to be an object"
            )

        def text(name: str) -> str | None:
            found = value.get(name)
            return found if isinstance(found, str) else None

        def number(name: str) -> int:
            found = value[name]
            assert isinstance(found, (int, float)), name
            return int(found)

        return cls(
            host=text("host") or "",
            port=number("port"),
            user=text("user") or "",
            dial_error_limit=number("dialErrorLimit"),
            per_dial_timeout=number("perDialTimeout"),
            host_key=text("hostKey"),
            password=text("password"),
            private_key=text("privateKey"),
            private_key_password=text("privateKeyPassword"),
            agent_socket=text("agentSocketPath"),
        )


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


@dataclass(frozen=True)
class _Login:
    """What is needed before the first dial; a mistake here is not retried."""

    host_key: tuple[str, bytes] | None
    keys: list[paramiko.PKey]


# Kept so that no connection is closed by garbage collection: see the module's docstring.
_connections: list[paramiko.Transport] = []


def run(connection: Connection, command: Command, operation: Operation) -> Result:
    """Connects, runs, and returns the output; raises CommandError."""
    transport = _dial(connection, operation)
    _connections.append(transport)
    channel = _session(transport, command, operation.log)
    channel.exec_command(command.script.encode())
    output = _Output(channel, operation.log, command)
    sent = output.converse(command.stdin.encode())
    status = channel.recv_exit_status()
    if status == UNREPORTED_STATUS:
        problem = "wait: remote command exited without exit status or exit signal"
    elif status:
        problem = f"Process exited with status {status}"
    elif not sent:
        problem = "EOF"
    else:
        return Result(*(text.removesuffix("\n") for text in (output.stdout, output.stderr)))
    raise CommandError(f"{problem}: running {go_quote(command.script)}:\n{output.combined}")


def _dial(connection: Connection, operation: Operation) -> paramiko.Transport:
    login = _login(connection)
    deadline = time.monotonic() + operation.timeout if operation.timeout else None
    delay, attempt = FIRST_DELAY, 0
    while True:
        try:
            return _dial_once(connection, login)
        except _DialError as error:
            limit = connection.dial_error_limit
            dials = attempt + 1
            if limit > UNLIMITED and dials > limit:
                raise CommandError(f"after {attempt} failed attempts: {error}") from error
            shown = "inf" if limit == UNLIMITED else str(limit)
            operation.log.status(f"Dial {dials}/{shown} failed: retrying")
        if operation.cancelled.wait(delay):
            raise CommandError("context canceled")
        if deadline is not None and time.monotonic() > deadline:
            raise CommandError("context deadline exceeded")
        delay = min(delay * DELAY_FACTOR, LONGEST_DELAY)
        attempt += 1


def _dial_once(connection: Connection, login: _Login) -> paramiko.Transport:
    address = f"{connection.host}:{connection.port}"
    try:
        stream = socket.create_connection(
            (connection.host, connection.port), connection.per_dial_timeout or None
        )
    except TimeoutError as error:
        raise _DialError(f"dial tcp {address}: i/o timeout") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _DialError(f"dial tcp {address}: connect: {reason}") from error
    stream.settimeout(None)
    transport = paramiko.Transport(stream)
    try:
        _handshake(transport, connection, login)
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        reason = str(error) or "EOF"
        raise _DialError(f"ssh: handshake failed: {reason}") from error
    except BaseException:
        transport.close()
        raise
    return transport


def _handshake(transport: paramiko.Transport, connection: Connection, login: _Login) -> None:
    if login.host_key:
        # Like the original, which offers the key's own type as the only algorithm: "ssh-rsa" for an
        # RSA key, which today's OpenSSH servers refuse.
        transport.get_security_options().key_types = (login.host_key[0],)
    transport.start_client()
    if login.host_key and transport.get_remote_server_key().asbytes() != login.host_key[1]:
        raise paramiko.SSHException("ssh: host key mismatch")
    _authenticate(transport, connection, login.keys)


def _authenticate(
    transport: paramiko.Transport, connection: Connection, keys: list[paramiko.PKey]
) -> None:
    attempted = ["none"]
    try:
        transport.auth_none(connection.user)
        return
    except paramiko.AuthenticationException:
        pass
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("publickey", functools.partial(transport.auth_publickey, connection.user, key))
        for key in keys
    ]
    if (password := connection.password) is not None:
        attempts.append(
            ("password", lambda: transport.auth_password(connection.user, password, fallback=False))
        )
        attempts.append(
            (
                "keyboard-interactive",
                lambda: transport.auth_interactive(
                    connection.user, lambda _title, _text, fields: [password] * len(fields)
                ),
            )
        )
    for method, attempt in attempts:
        try:
            attempt()
            return
        except paramiko.BadAuthenticationType:
            continue
        except paramiko.AuthenticationException:
            attempted += [] if method in attempted else [method]
    raise paramiko.SSHException(
        f"ssh: unable to authenticate, attempted methods [{' '.join(attempted)}],"
        " no supported methods remain"
    )


def _login(connection: Connection) -> _Login:
    host_key = None
    if connection.host_key is not None:
        host_key = parse_host_key(connection.host_key)
        if host_key is None:
            raise CommandError("failed to parse host key: ssh: no key found")
    keys: list[paramiko.PKey] = []
    if connection.private_key is not None:
        keys.append(_private_key(connection.private_key, connection.private_key_password))
    agent_socket = connection.agent_socket or _agent_from_environment()
    if agent_socket is not None:
        agent_keys = _agent_keys(agent_socket)
        # Of two sources of keys the original tries the first only; a dead agent fails it all the same.
        keys = keys or agent_keys
    return _Login(host_key, keys)


def _agent_from_environment() -> str | None:
    return os.environ.get("SSH_AUTH_SOCK") or None


def parse_host_key(text: str) -> tuple[str, bytes] | None:
    """Type and bytes of the first line that holds a public key, options before it or not."""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        for encoded in words[1:3]:  # after the type, or after options and type
            try:
                blob = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                continue
            kind = paramiko.Message(blob).get_string()
            if re.fullmatch(rb"(ssh|ecdsa-sha2|sk-ssh|sk-ecdsa-sha2)-[a-z0-9@.-]+", kind):
                return kind.decode(), blob
    return None


def _private_key(text: str, passphrase: str | None) -> paramiko.PKey:
    for key_class in KEY_CLASSES:
        try:
            return key_class.from_private_key(io.StringIO(text), passphrase)
        except paramiko.PasswordRequiredException:
            raise CommandError("ssh: this private key is passphrase protected") from None
        except (paramiko.SSHException, ValueError, IndexError, TypeError):
            continue
    raise CommandError("ssh: no key found")


class _Agent(paramiko.agent.AgentSSH):
    """An agent at a path of our choice: paramiko's own looks at SSH_AUTH_SOCK only."""

    def __init__(self, path: str) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        self._connect(connection)  # type: ignore[attr-defined]  # the only way in; not in the stubs


def _agent_keys(path: str) -> list[paramiko.PKey]:
    try:
        return list(_Agent(path).get_keys())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CommandError(f"dial unix {path}: connect: {reason}") from error


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
        "\tthese variables via AcceptEnv. Alternatively, if a Bash-like shell runs the command on the"
        " remote host, you could\n"
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


ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t"} | {
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}


def go_quote(text: str) -> str:
    """The text as Go's %q prints it."""

    def quoted(character: str) -> str:
        code = ord(character)
        if character in ESCAPES:
            return ESCAPES[character]
        if character == " " or character.isprintable():
            return character
        if code < 0x80:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return f'"{"".join(map(quoted, text))}"'
