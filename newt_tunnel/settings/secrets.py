"""The secret keys of the stack file.

They are checked but not stored, and passed on as Pulumi outputs only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

import pulumi

from newt_tunnel.findings import MISSING, NOT_SHOWN, Finding
from newt_tunnel.settings.newt import LogLevel

NEWT_SECRET = "newtSecret"
PROVISIONING_KEY = "newtProvisioningKey"
SSH_KEY = "sshPrivateKey"
KUBECONFIG = "kubeconfig"


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Secret values; None if not set."""

    newt_secret: pulumi.Output[str] | None = None
    newt_provisioning_key: pulumi.Output[str] | None = None
    ssh_private_key: pulumi.Output[str] | None = None
    kubeconfig: pulumi.Output[str] | None = None


@dataclass(frozen=True)
class SecretKey:
    """A key whose value must be stored with ``--secret``, and the form of such a value."""

    name: str
    description: str
    form: re.Pattern[str] = field(repr=False)
    remedy: str


_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----\r?\n.*-----END [A-Z0-9 ]*PRIVATE KEY-----\s*", re.DOTALL
)

# Not parsed, so that no part of it gets into an error.
_KUBECONFIG = re.compile(r"(?=.*\bclusters\b)(?=.*\bcontexts\b).+", re.DOTALL)

KEYS = {
    key.name: key
    for key in (
        SecretKey(
            NEWT_SECRET,
            "The site's secret, with `newtId`.",
            _TOKEN,
            "holds spaces, line breaks or quotes; copy it from Pangolin again",
        ),
        SecretKey(
            PROVISIONING_KEY,
            "In place of `newtId` and `newtSecret`: newt registers itself and keeps the "
            "credentials in its volume.",
            _TOKEN,
            "holds spaces, line breaks or quotes; copy it from Pangolin again",
        ),
        SecretKey(
            SSH_KEY,
            "Private key with which the commands log in to the Docker host. Omitted: the ssh "
            "agent. The agent must hold a key in either case, because Docker's provider uses "
            "nothing else.",
            _PEM,
            "is not a private key in PEM form (-----BEGIN ... PRIVATE KEY-----); store the "
            "file's whole content",
        ),
        SecretKey(
            KUBECONFIG,
            "Content of a kubeconfig file. Omitted: this machine's kubeconfig, with "
            "`kubernetes.context`.",
            _KUBECONFIG,
            "is not a kubeconfig, which has `clusters` and `contexts`; store the file's whole "
            "content",
        ),
    )
}
#: The secrets of each platform.
ON_DOCKER = (NEWT_SECRET, PROVISIONING_KEY, SSH_KEY)
ON_KUBERNETES = (NEWT_SECRET, KUBECONFIG)


def check(values: Mapping[str, str], marked: frozenset[str]) -> Iterator[Finding]:
    """Yield the problems of the secrets in ``values``; ``marked`` are the keys that Pulumi stores
    encrypted.
    """
    for name, value in values.items():
        command = f"pulumi config set --secret {name}"
        if name not in marked:
            yield Finding(
                name,
                NOT_SHOWN,
                f"is stored in plain text; renew it where it comes from and run: {command}",
            )
        elif not value.strip():
            yield Finding(name, "(empty)", f"run: {command}")
        elif not KEYS[name].form.fullmatch(value):
            yield Finding(name, NOT_SHOWN, f"{KEYS[name].remedy}: {command}")


def kept_from_logs(given: Set[str], level: LogLevel | None) -> Iterator[Finding]:
    """Refuse DEBUG with a provisioning key: newt (1.16.0, websocket/config.go) would log the answer
    to its registration, which holds its secret.
    """
    if PROVISIONING_KEY in given and level is LogLevel.DEBUG:
        yield Finding(
            "newt.logLevel",
            level.value,
            f"is refused with {PROVISIONING_KEY}: newt would log the secret that it receives; "
            "write INFO, or create the site in Pangolin and give newtId and newtSecret",
        )


def missing(name: str) -> Finding:
    return Finding(name, MISSING, f"run: pulumi config set --secret {name}")


def identity(given: Set[str], *, newt_id_written: bool) -> Iterator[Finding]:
    """Check newt's identity: the pair of id and secret, or the provisioning key alone."""
    if PROVISIONING_KEY in given:
        for other, there in (("newtId", newt_id_written), (NEWT_SECRET, NEWT_SECRET in given)):
            if there:
                yield Finding(
                    other,
                    NOT_SHOWN,
                    f"is set together with {PROVISIONING_KEY}, which replaces it; keep the "
                    "pair or that key",
                )
        return
    if not newt_id_written:
        remedy = "write the site's id from Pangolin, or run: pulumi config set --secret"
        yield Finding("newtId", MISSING, f"{remedy} {PROVISIONING_KEY}")
    if NEWT_SECRET not in given:
        yield missing(NEWT_SECRET)
