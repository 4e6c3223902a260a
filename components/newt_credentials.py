"""newt's credentials on a Docker host: its configuration file, written by the host's program.

Owns the file's content and when it is written again. The host makes a revision, which decides
whether newt must be replaced.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_command import remote

from components.apply_errors import as_run_error
from components.connection import connection
from components.egress_firewall import EgressFirewall
from newt_tunnel.docker_host.credentials import kept_revision
from newt_tunnel.docker_host.payload import PROGRAM_PATH
from newt_tunnel.docker_host.ssh import SshHost
from newt_tunnel.settings.secrets import Secrets
from newt_tunnel.settings.stack import Settings


@dataclass(frozen=True, kw_only=True)
class Credentials:
    #: Content of newt's configuration file; secret.
    document: pulumi.Output[str]
    #: Whether newt registers itself with a provisioning key and writes what it receives into its
    #: volume.
    is_provisioning: bool

    @classmethod
    def of(cls, settings: Settings, secrets: Secrets) -> Credentials:
        """Build the configuration file: settings, and the secret part as an output."""
        key = secrets.newt_provisioning_key
        if key is not None:
            parts = pulumi.Output.all(provisioningKey=key)
        else:
            parts = pulumi.Output.all(id=settings.newt_id, secret=secrets.newt_secret)
        endpoint = {"endpoint": str(settings.pangolin.endpoint)}
        document = parts.apply(lambda known: json.dumps(known | endpoint, sort_keys=True))
        return cls(document=pulumi.Output.secret(document), is_provisioning=key is not None)


@dataclass(frozen=True, kw_only=True)
class StoredCredentials:
    """The command that stores them, and the revision that it prints."""

    command: remote.Command
    revision: pulumi.Output[str]


def store(
    name: str,
    credentials: Credentials,
    *,
    host: SshHost,
    private_key: pulumi.Input[str] | None,
    firewall: EgressFirewall,
    instance: str,
    volume: str,
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource],
) -> StoredCredentials:
    """Store the credentials: in a file, or in ``volume`` where newt provisions itself."""
    place = f"volume {volume}" if credentials.is_provisioning else "file"
    command = remote.Command(
        name,
        connection=connection(host, private_key),
        create=host.as_root(f"{PROGRAM_PATH} --instance {instance} credentials {place}"),
        stdin=credentials.document,
        add_previous_output_in_env=False,
        logging=remote.Logging.STDERR,
        # Safe here: nothing is deleted, so a replacement is just another run. A host whose guard
        # had to be renewed may have lost the credentials too.
        triggers=[firewall.generation or "unknown"],
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[*after],
            ignore_changes=["triggers"] if firewall.generation is None else [],
        ),
    )
    printed = command.stdout.apply(
        as_run_error(
            f"{host.address} did not say which credentials it has written",
            lambda answer: answer.split()[-1],
        )
    )
    return StoredCredentials(
        command=command, revision=_foreseen(credentials, firewall.stored_credentials, printed)
    )


def _foreseen(
    credentials: Credentials, stored: str, printed: pulumi.Output[str]
) -> pulumi.Output[str]:
    """Return the revision, predicted in a preview: it would otherwise announce another container
    when the same credentials are stored again.
    """
    if not pulumi.runtime.is_dry_run() or not stored:
        return printed

    def revision(document: str) -> pulumi.Input[str]:
        own_file = not credentials.is_provisioning
        return kept_revision(stored, document, own_file=own_file) or printed

    # The revision does not reveal what it was made from.
    return pulumi.Output.unsecret(credentials.document.apply(revision))
