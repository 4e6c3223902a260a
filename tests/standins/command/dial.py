"""Connects to a host the way the official pulumi-command does it.

Owns the dial with its retries, the host key, authentication, and the error texts, which follow
those of Go's SSH library. Here the handshake has paramiko's time limits, there it has none.
"""

import base64
import binascii
import functools
import io
import logging
import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paramiko
import paramiko.agent
from paramiko.ssh_exception import IncompatiblePeer

from tests.standins.resource import Operation
from tests.standins.values import Value

FIRST_DELAY, DELAY_FACTOR, LONGEST_DELAY = 0.1, 1.5, 5.0
UNLIMITED = -1
KEY_CLASSES = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)

# Every failure is in the resource's error already; by default paramiko would print it too.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class ConnectError(Exception):
    """The host could not be reached; the message is the resource's error."""


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
class _Login:
    """What is needed before the first dial; a mistake here is not retried."""

    host_key: tuple[str, bytes] | None
    keys: list[paramiko.PKey]
    agent: "_Agent | None"


class Transport(paramiko.Transport):
    """A transport that also hears by which signal a command ended, which paramiko drops."""

    def __init__(self, stream: socket.socket) -> None:
        super().__init__(stream)
        self.exit_signals: dict[int, str] = {}

    def _hear(self, channel: paramiko.Channel, message: paramiko.Message) -> None:
        request = paramiko.Message(message.get_remainder())
        if request.get_text() == "exit-signal":
            request.get_boolean()
            self.exit_signals[channel.chanid] = request.get_text()

    @staticmethod
    def _handle_request(channel: Any, message: paramiko.Message) -> None:
        channel.transport._hear(channel, message)
        channel._handle_request(message)

    _channel_handler_table = {  # noqa: RUF012  # replaces a table of paramiko's own
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]  # not in the stubs
        paramiko.common.MSG_CHANNEL_REQUEST: _handle_request,
    }


def dial(connection: Connection, operation: Operation) -> Transport:
    login = _login(connection)
    try:
        return _dial_until_limit(connection, login, operation)
    finally:
        if login.agent is not None:
            login.agent.close()


def _dial_until_limit(connection: Connection, login: _Login, operation: Operation) -> Transport:
    deadline = time.monotonic() + operation.timeout if operation.timeout else None
    delay, attempt = FIRST_DELAY, 0
    while True:
        try:
            return _dial_once(connection, login)
        except _DialError as error:
            limit = connection.dial_error_limit
            dials = attempt + 1
            if limit > UNLIMITED and dials > limit:
                raise ConnectError(f"after {attempt} failed attempts: {error}") from error
            shown = "inf" if limit == UNLIMITED else str(limit)
            operation.log.status(f"Dial {dials}/{shown} failed: retrying")
        if operation.cancelled.wait(delay):
            raise ConnectError("context canceled")
        if deadline is not None and time.monotonic() > deadline:
            raise ConnectError("context deadline exceeded")
        delay = min(delay * DELAY_FACTOR, LONGEST_DELAY)
        attempt += 1


def _dial_once(connection: Connection, login: _Login) -> Transport:
    address = f"{connection.host}:{connection.port}"
    try:
        stream = socket.create_connection(
            (connection.host, connection.port), connection.per_dial_timeout or None
        )
    except socket.gaierror as error:
        raise _DialError(f"dial tcp: lookup {connection.host}: no such host") from error
    except TimeoutError as error:
        raise _DialError(f"dial tcp {address}: i/o timeout") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _DialError(f"dial tcp {address}: connect: {reason}") from error
    stream.settimeout(None)
    transport = Transport(stream)
    try:
        _handshake(transport, connection, login)
    except IncompatiblePeer as error:
        transport.close()
        offered = login.host_key[0] if login.host_key else error
        reason = f"ssh: no common algorithm for host key; we offered: [{offered}]"
        raise _DialError(f"ssh: handshake failed: {reason}") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        reason = str(error)
        if not reason or "protocol banner" in reason:
            reason = "EOF"
        raise _DialError(f"ssh: handshake failed: {reason}") from error
    except BaseException:
        transport.close()
        raise
    return transport


def _handshake(transport: paramiko.Transport, connection: Connection, login: _Login) -> None:
    if login.host_key:
        # Like the original, which offers the key's own type as the only algorithm: "ssh-rsa" for an
        # RSA key, which today's OpenSSH servers refuse.
        try:
            transport.get_security_options().key_types = (login.host_key[0],)
        except ValueError as error:
            raise IncompatiblePeer(str(error)) from error
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
            raise ConnectError("failed to parse host key: ssh: no key found")
    keys: list[paramiko.PKey] = []
    if connection.private_key is not None:
        keys.append(_private_key(connection.private_key, connection.private_key_password))
    agent = None
    agent_socket = connection.agent_socket or os.environ.get("SSH_AUTH_SOCK")
    if agent_socket:
        agent = _agent(agent_socket)
        # Of two sources of keys the original tries the first only, but a dead agent fails it.
        keys = keys or list(agent.get_keys())
    return _Login(host_key, keys, agent)


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
            raise ConnectError("ssh: this private key is passphrase protected") from None
        except (paramiko.SSHException, ValueError, IndexError, TypeError):
            continue
    raise ConnectError("ssh: no key found")


class _Agent(paramiko.agent.AgentSSH):
    """An agent at a path of our choice: paramiko's own looks at SSH_AUTH_SOCK only."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self._connect(self._socket)  # type: ignore[attr-defined]  # the only way in; not in the stubs

    def close(self) -> None:
        """Lets go of the agent, whose keys are of no use from then on."""
        self._socket.close()


def _agent(path: str) -> _Agent:
    try:
        return _Agent(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConnectError(f"dial unix {path}: connect: {reason}") from error
