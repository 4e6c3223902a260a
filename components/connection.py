"""The command provider's connection to the Docker host."""

from __future__ import annotations

import pulumi
from pulumi_command.remote import ConnectionArgsDict

from newt_tunnel.docker_host.ssh import CONNECT_SECONDS, SshHost

#: Two tries distinguish a host that is down from a lost packet; the provider's default is ten.
DIAL_ATTEMPTS = 2


def connection(host: SshHost, private_key: pulumi.Input[str] | None) -> ConnectionArgsDict:
    """Inputs of ``remote.Command``. Without ``host_key`` the provider would accept any host."""
    settings: ConnectionArgsDict = {
        "host": host.address,
        "port": host.port,
        "user": host.user,
        "host_key": host.host_key,
        "dial_error_limit": DIAL_ATTEMPTS,
        "per_dial_timeout": CONNECT_SECONDS,
    }
    if private_key is not None:
        settings["private_key"] = private_key
    return settings
