"""How the Docker host is reached: by the address, user and key that ``ssh`` itself would use."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from newt_tunnel.docker_host.ssh import HostKeyError, SshHost, UnreachableError
from newt_tunnel.findings import shown
from newt_tunnel.stackfile.untrusted_text import sanitized
from newt_tunnel.tools.new import NewError

_HERE = Path(__file__).parent
LOOK, SECRET = ((_HERE / name).read_text() for name in ("look.sh", "secret.sh"))
#: Prints the addresses that the host's own resolver gives for the name $1.
RESOLVE = 'getent ahostsv4 "$1" 2>/dev/null | sed "s/ .*//" | sort -u\n'
_SECONDS = 20
#: The kinds of keys that Pulumi's SSH client can check, the best first.
_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


@dataclass(frozen=True)
class SshTarget:
    """Where ssh would connect to."""

    address: str
    port: int
    user: str


def destination(host: str, user: str | None, port: int | None) -> SshTarget:
    """Read ``[USER@]HOST`` by ssh's own configuration. Raises ``NewError``."""
    before, at, name = host.rpartition("@")
    # ssh would take it for an option.
    if name.startswith("-") or not name.strip():
        raise NewError(f"--host: {shown(host)} is no address; write one like 10.0.1.10")
    wanted = user or (before if at else None)
    words = [*(("-l", wanted) if wanted else ()), *(("-p", str(port)) if port else ()), name]
    said = dict(line.partition(" ")[::2] for line in _run(["ssh", "-G", *words]).splitlines())
    address = said.get("hostname", name)
    return SshTarget(_address(address), int(said.get("port", "22")), said.get("user", "root"))


def _address(host: str) -> str:
    try:
        return str(IPv4Address(host))
    except ValueError:
        pass
    lines = _run(["getent", "ahostsv4", host], may_fail=True).split()
    if not lines:
        raise NewError(
            f"--host: {host} has no IPv4 address here; write the Docker host's own address, like "
            "10.0.1.10"
        )
    return lines[0]


def host_key(to: SshTarget) -> str:
    """Return the host's key as ``TYPE BASE64``. Raises ``NewError`` if nothing answers."""
    types = "ed25519,ecdsa"
    scan = ["ssh-keyscan", "-T", "5", "-t", types, "-p", str(to.port), to.address]
    lines = [
        line.split(" ", 1)[1] for line in _run(scan, may_fail=True).splitlines() if " " in line
    ]
    for kind in _KEY_TYPES:
        for line in lines:
            if line.startswith(f"{kind} "):
                return line.strip()
    raise NewError(
        f"--host: no SSH server with an Ed25519 or ECDSA key answers at {to.address} port "
        f"{to.port}; switch SSH on there, or correct the address or --port"
    )


def fingerprint(key: str, address: str) -> str:
    """Return ssh-keygen's line about the key: length, hash, address and type."""
    return _run(["ssh-keygen", "-lf", "-"], feed=f"{key} {address}\n").strip()


def agent_has_key() -> bool:
    """Whether the ssh agent holds a key, without which Pulumi's SSH client cannot log in."""
    try:
        done = subprocess.run(
            ["ssh-add", "-l"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def ask_host(host: SshHost, script: str, *words: str) -> str:
    """Run a script that changes nothing as the user who logs in. Raises ``NewError``, in a line."""
    try:
        return host.look_with(script, *words)
    except HostKeyError as error:
        raise NewError(
            f"{host.address}: shows another host key than a moment ago ({error})"
        ) from None
    except (UnreachableError, RuntimeError) as error:
        line = sanitized(str(error))
        if "Permission denied" in line:
            line = f"{host.user} may not log in: {line}, or name the user by --user"
        raise NewError(f"{host.address}: {line}") from None


def _run(words: Sequence[str], *, feed: str | None = None, may_fail: bool = False) -> str:
    try:
        done = subprocess.run(
            [*words],
            input=feed or "",
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise NewError(f"{words[0]}: not installed here; install it") from None
    except subprocess.TimeoutExpired:
        raise NewError(f"{words[0]}: no answer within {_SECONDS} s") from None
    if done.returncode and not may_fail:
        said = done.stderr.strip().splitlines()
        raise NewError(f"{words[0]}: {said[-1] if said else f'ended with {done.returncode}'}")
    return done.stdout
