"""The example stack, deployed under mocks: its settings, its secrets, and the host's answers.

``deploy`` builds the program's one component from settings given as a dict. No test here can reach
a real host: the only look at it is answered by ``Host``.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pulumi

from components.docker_tunnel import DockerTunnel
from newt_tunnel.docker_host.ssh import SshHost
from newt_tunnel.settings.load import judge
from newt_tunnel.settings.secrets import Secrets
from newt_tunnel.settings.stack import Settings
from tests.unit.components.recording import Recording, record

PROJECT = "newt-tunnel"
STACK = "nas"
OWNER = f"{PROJECT}/{STACK}"
#: Name of the component; its children are called after it.
NAME = "newt-tunnel"

RULES = f"{NAME}-firewall-rules"
PROVIDER = f"{NAME}-newt-host"
NETWORK = f"{NAME}-newt-network"
SERVICES = f"{NAME}-newt-services"
VOLUME = f"{NAME}-newt-config"
IMAGE = f"{NAME}-newt-image"
CREDENTIALS = f"{NAME}-newt-credentials"
CONTAINER = f"{NAME}-newt-container"
PROBES = f"{NAME}-proof-probes"
COMMANDS = (RULES, CREDENTIALS, PROBES)
ON_DOCKER = (NETWORK, VOLUME, IMAGE, CONTAINER)


def _field(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


HOST_KEY = "ssh-ed25519 " + base64.b64encode(_field(b"ssh-ed25519") + _field(bytes(32))).decode()

SETTINGS: Mapping[str, Any] = {
    "platform": "docker",
    "pangolin": {
        "endpoint": "https://pangolin.example.com",
        "addresses": ["203.0.113.10"],
        "ports": ["443/tcp", "51820/udp"],
    },
    "newtId": "2ix2t8xk22ubpfy",
    "dns": ["10.0.1.53"],
    "egress": [
        {"name": "gitea", "host": "10.0.1.50", "port": 3000},
        {"name": "printer", "cidr": "10.0.1.200/32", "port": 631},
        {"name": "jellyfin", "host": "10.0.1.10", "port": 8096},
        "homeassistant.lan:8123:tcp",
    ],
    "mustNotReach": [
        {"name": "router", "host": "10.0.1.1", "port": 80},
        {"name": "postgres", "host": "10.0.1.60", "port": 5432},
    ],
    "docker": {
        "address": "10.0.1.10",
        "hostKey": HOST_KEY,
        "user": "admin",
        "sudo": True,
        "subnet": "172.30.0.0/24",
        "newtAddress": "172.30.0.10",
        "bridge": "br-newt",
        "hook": "prerouting",
        "persistence": "systemd",
    },
    "proof": "enforce",
}


#: How the example's user becomes root.
AS_ROOT = (
    "sudo -n true || { echo 'sudo asks admin for a password: allow it without one, or set "
    "docker.user to root' >&2; exit 1; }; sudo -n "
)


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a user stored by ``pulumi config set --secret``. None: nothing."""

    newt_secret: str | None = None
    provisioning_key: str | None = None
    ssh_key: str | None = None
    kubeconfig: str | None = None

    def outputs(self) -> Secrets:
        return Secrets(
            newt_secret=_secret(self.newt_secret),
            newt_provisioning_key=_secret(self.provisioning_key),
            ssh_private_key=_secret(self.ssh_key),
            kubeconfig=_secret(self.kubeconfig),
        )


def _secret(value: str | None) -> pulumi.Output[str] | None:
    return None if value is None else pulumi.Output.secret(value)


NEWT_SECRET = "vq7wzc1h9tjx0lmg4s2p"
PROVISIONING_KEY = "spk-3kd81mzq0w7yfn5t"
_KEY_BODY = "bm90LWEtcmVhbC1rZXktYnV0LXNob3VsZC1uZXZlci1sZWFr"
SSH_KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{_KEY_BODY}\n-----END OPENSSH PRIVATE KEY-----\n"
#: What a leak would show. A private key may be quoted and broken into lines, hence its body.
LEAKS = (NEWT_SECRET, PROVISIONING_KEY, _KEY_BODY)

PAIR = Given(newt_secret=NEWT_SECRET, ssh_key=SSH_KEY)
#: With it ``newtId`` is left out of the settings.
PROVISIONING = Given(provisioning_key=PROVISIONING_KEY, ssh_key=SSH_KEY)
AGENT = Given(newt_secret=NEWT_SECRET)


ABSENT = "state=absent\n"


@dataclass
class Host:
    """The Docker host as a look finds it: what ``newt-egress check`` prints, or why there was no
    talking to it.
    """

    answer: str | Exception = ABSENT
    asked: list[str] = field(default_factory=list)

    def look(self, command: str) -> str:
        self.asked.append(command)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


GENERATION = "2026-08-01T12:00:00Z"


def as_left(by: Recording, *, state: str = "ok", owner: str = OWNER, **differing: str) -> str:
    """What the host says after the update ``by``, but for what is ``differing``."""
    digest = declared_digest(by)
    said = {"instance": "nas", "owner": owner, "hash": digest, "confirmed": digest}
    said |= {"generation": GENERATION, "firewall": declared_firewall(by)}
    answer = {"state": state} | said | differing
    return "".join(f"{key}={value}\n" for key, value in answer.items())


_HERE_DOCUMENT = re.compile(
    r"^cat >\"\$staging/(\S+)\" <<'(\S+)'\n(.*?)^\2$", re.DOTALL | re.MULTILINE
)


def declared_files(recording: Recording) -> dict[str, str]:
    """The files that the firewall's standard input unpacks on the host."""
    found = _HERE_DOCUMENT.findall(recording.named(RULES).inputs["stdin"])
    return {name: content for name, _, content in found}


def declared_firewall(recording: Recording) -> str:
    lines = declared_files(recording)["declaration"].splitlines()
    return next(line for line in lines if line.startswith("firewall=")).partition("=")[2]


def declared_digest(recording: Recording) -> str:
    """As the host computes it: program, declaration, then the files of rules."""
    files = declared_files(recording)
    rules = sorted(name for name in files if name.startswith("rules"))
    order = ("newt-egress", "declaration", *rules)
    return hashlib.sha256("".join(files[name] for name in order).encode()).hexdigest()


REVISION = "8a5f0c1d2e3b4a69"
IMAGE_ID = "sha256:5d2f"
#: What the proof measured: rule, destination, port, expected, verdict, evidence.
MEASURED = (
    ("router", "10.0.1.1", "80/tcp", "block", "blocked", "newt: silent, host: connected"),
    ("gitea", "10.0.1.50", "3000/tcp", "reach", "reached", "newt: connected, host: connected"),
    ("pangolin", "203.0.113.10", "51820/udp", "reach", "counted", "rule 'pangolin' counted +1"),
    ("cloud-metadata", "169.254.169.254", "80/tcp", "block", "not proved", "newt: silent"),
)


def table(*rows: tuple[str, str, str, str, str, str], end: str = "\t") -> str:
    """As the host prints it, with other lines around; ``end`` is what ends a cell."""
    header = ("RULE", "DESTINATION", "PORT", "EXPECTED", "VERDICT", "EVIDENCE")
    lines = (
        end.join((*(f"{cell:<23}" for cell in cells), evidence))
        for *cells, evidence in (header, *rows)
    )
    return "\n".join(
        (
            "resolved homeassistant.lan -> 10.0.1.100",
            *lines,
            "warning: cloud-metadata: neither newt nor this host gets an answer: nothing is proved",
            "",
        )
    )


def computed(type_: str, name: str, _inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the official providers would add."""
    if name == CREDENTIALS:
        return {"stdout": f"revision {REVISION}"}
    if name == PROBES:
        return {"stdout": table(*MEASURED)}
    if type_ == "docker:index/remoteImage:RemoteImage":
        return {"imageId": IMAGE_ID}
    return {}


def changed(changes: Mapping[str, Any], base: Mapping[str, Any] = SETTINGS) -> dict[str, Any]:
    """``base`` with ``changes``, key by key into sections; None removes a key."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        if value is None:
            del result[key]
        elif isinstance(value, Mapping):
            result[key] = changed(value, result.get(key, {}))
        else:
            result[key] = value
    return result


def deploy(
    changes: Mapping[str, Any] | None = None,
    *,
    given: Given = PAIR,
    host: Host | None = None,
    preview: bool = False,
    outputs: Mapping[str, Any] | None = None,
    into: Recording | None = None,
) -> Recording:
    """Build the tunnel from the example's settings with ``changes``; ``outputs`` are those of the
    stack's last update.
    """
    settings, problems = judge(changed(changes or {}))
    assert isinstance(settings, Settings), f"the settings of this test are wrong: {problems}"
    host = host or Host()

    def program() -> None:
        tunnel = DockerTunnel(NAME, settings, given.outputs())
        for output in ("reach", "host", "firewall", "proof", "verify"):
            pulumi.export(output, getattr(tunnel, output))

    with answered_by(host):
        return record(
            program,
            computed,
            project=PROJECT,
            stack=STACK,
            preview=preview,
            outputs=outputs,
            into=into,
        )


def answered_by(host: Host) -> Any:
    """While this lasts, every look at a host is a look at ``host``."""
    return mock.patch.object(SshHost, "look", lambda _self, command: host.look(command))
