"""newt's second network on a Docker host, where it reaches containers by name.

Exists when the stack file names a container. ``internal``: no route leads out of it, so the default
route of a service that joins it stays what it is. Its frames pass the rules from the moment that
``ready`` is there, and newt must not be on it before.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker
from pulumi_command import remote

from components.connection import connection
from newt_tunnel.docker_host.payload import PROGRAM_PATH
from newt_tunnel.docker_host.ssh import SshHost
from newt_tunnel.egress.cage import ServiceNetwork


@dataclass(frozen=True)
class ServiceLeg:
    """newt's place on the network, for its container; ``ready`` must come first."""

    network: pulumi.Output[str]
    address: str
    ready: pulumi.Resource


def service_network(
    name: str,
    services: ServiceNetwork,
    *,
    instance: str,
    host: SshHost,
    private_key: pulumi.Input[str] | None,
    labels: dict[str, str],
    on_host: pulumi.ResourceOptions,
) -> ServiceLeg:
    """Make the network. Before it is removed the host takes the containers of others off it, or
    Docker would refuse.
    """
    given_by_docker = next(services.subnet.subnets())
    network = docker.Network(
        f"{name}-services",
        name=services.network,
        driver="bridge",
        internal=True,
        attachable=False,
        ipv6=False,
        ipam_configs=[
            {
                "subnet": str(services.subnet),
                "gateway": str(services.gateway),
                # newt's own address is outside, so no container can have it before newt does.
                "ip_range": str(given_by_docker),
            }
        ],
        labels=[{"label": label, "value": value} for label, value in labels.items()],
        # Not enable_icc=false: Docker's own rule would drop what newt may send. Ours judge it.
        options={"com.docker.network.bridge.name": services.bridge},
        opts=on_host,
    )
    guard = f"{PROGRAM_PATH} --instance {instance}"
    ready = remote.Command(
        f"{name}-services-guarded",
        connection=connection(host, private_key),
        # Shows frames between ports of the new bridge to the rules.
        create=host.as_root(f"{guard} refresh"),
        delete=host.as_root(f"{guard} empty {services.network}"),
        triggers=[network.id],
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions(
            parent=on_host.parent, depends_on=[network], delete_before_replace=True
        ),
    )
    return ServiceLeg(network.name, str(services.newt), ready)
