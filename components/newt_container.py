"""newt itself on a Docker host: network, volume, image and the container, with nothing it does not
need.

Leaves the credentials to ``newt_credentials``, and the firewall to ``egress_firewall``, which must
be in force before any of this exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.egress_firewall import EgressFirewall
from components.newt_credentials import Credentials, store
from components.service_network import service_network
from newt_tunnel.docker_host.docker_names import DockerNames
from newt_tunnel.docker_host.ssh import SshHost
from newt_tunnel.egress.cage import Cage
from newt_tunnel.settings.agent_table import AgentKind
from newt_tunnel.settings.newt import Capability, Newt

#: By this label the host's program recognises our network and container.
STACK_LABEL = "newt-tunnel.stack"
#: nobody; newt needs no user of its own (its WireGuard runs in user space).
USER = "65534:65534"
MOUNTED_CREDENTIALS = "/etc/newt"
MOUNTED_VOLUME = "/var/lib/newt"
HEALTH_FILE = "/tmp/healthy"
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}
STOP_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class NewtContainerArgs:
    # required
    host: SshHost
    cage: Cage
    names: DockerNames
    #: ``project/stack``.
    owner: str
    endpoint: str
    agent: AgentKind
    image: str
    #: The stack file's section.
    newt: Newt
    credentials: Credentials
    #: Must be there before any of this exists. A component's own depends_on does not reach its
    #: children's state, and the firewall must outlive them at destroy.
    firewall: EgressFirewall

    # network
    dns: Sequence[str]
    #: ``(host name, address)`` pairs for /etc/hosts.
    hosts: Sequence[tuple[str, str]] = ()

    #: Whether Docker starts newt at boot. Not where the rules could come later than Docker.
    restart_by_docker: bool = True
    #: None leaves the choice of a key to the ssh agent.
    private_key: pulumi.Input[str] | None = None


class NewtContainer(pulumi.ComponentResource):
    """newt's container alone on its network, at a fixed address."""

    container_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: NewtContainerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("newt-tunnel:docker:NewtContainer", name, None, opts)
        provider = docker.Provider(
            f"{name}-host",
            host=args.host.url,
            ssh_opts=args.host.options,
            opts=pulumi.ResourceOptions(parent=self),
        )
        on_host = pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[args.firewall])

        network = docker.Network(
            f"{name}-network",
            name=args.names.network,
            driver="bridge",
            internal=False,
            attachable=False,
            ipv6=False,
            ipam_configs=[{"subnet": str(args.cage.subnet), "gateway": str(args.cage.gateway)}],
            labels=[{"label": STACK_LABEL, "value": args.owner}],
            options={
                "com.docker.network.bridge.name": args.cage.bridge,
                "com.docker.network.bridge.enable_icc": "false",
            },
            opts=on_host,
        )
        networks: list[docker.ContainerNetworksAdvancedArgsDict] = [
            {"name": network.name, "ipv4_address": str(args.cage.newt)}
        ]
        needed: list[pulumi.Resource] = [network]
        if args.cage.services is not None:
            leg = service_network(
                name,
                args.cage.services,
                instance=args.cage.instance.name,
                host=args.host,
                private_key=args.private_key,
                labels={STACK_LABEL: args.owner},
                on_host=on_host,
            )
            networks.append({"name": leg.network, "ipv4_address": leg.address})
            needed.append(leg.ready)
        volume = docker.Volume(f"{name}-config", name=args.names.volume, opts=on_host)
        image = docker.RemoteImage(
            f"{name}-image", name=args.image, keep_locally=True, opts=on_host
        )
        stored = store(
            f"{name}-credentials",
            args.credentials,
            host=args.host,
            private_key=args.private_key,
            firewall=args.firewall,
            instance=args.cage.instance.name,
            volume=args.names.volume,
            parent=self,
            after=[args.firewall, volume],
        )
        limits = args.newt.resources

        container = docker.Container(
            f"{name}-container",
            name=args.names.container,
            image=image.image_id,
            # identity
            user=USER,
            labels=[
                # A changed credential is a changed container; the revision does not reveal the
                # credential.
                {"label": "newt-tunnel.credentials", "value": stored.revision},
                {"label": STACK_LABEL, "value": args.owner},
            ],
            # network; network_mode stays unset, or Docker ignores the fixed address
            networks_advanced=networks,
            dns=sorted(args.dns),
            hosts=[{"host": host, "ip": address} for host, address in sorted(args.hosts)],
            # confinement
            read_only=True,
            tmpfs={"/tmp": "rw,noexec,nosuid,size=16m"},
            capabilities=_capabilities(args.newt.capabilities),
            security_opts=["no-new-privileges"],
            memory=limits.memory,
            memory_swap=limits.memory,
            cpus=None if limits.cpus is None else f"{limits.cpus:g}",
            # process
            command=[*args.agent.command] or None,
            envs=[f"{key}={value}" for key, value in sorted(_environment(args).items())],
            mounts=_mounts(
                volume.name,
                args.names.credentials,
                is_provisioning=args.credentials.is_provisioning,
            ),
            healthcheck=_healthcheck() if args.newt.health else None,
            log_driver="json-file",
            log_opts=LOG_OPTIONS,
            # life cycle; must_run would start a newt that the proof has stopped
            restart="unless-stopped" if args.restart_by_docker else "no",
            must_run=False,
            # The proof starts a held newt, when it finds the cage shut. Not an ignored change:
            # `--replace` makes a container with what is ignored.
            start=False if args.firewall.held else None,
            destroy_grace_seconds=STOP_SECONDS,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=provider,
                depends_on=[args.firewall, stored.command, *needed, volume],
                # The provider reports changes of these as updates that never reach the container.
                replace_on_changes=["healthcheck", "mounts", "tmpfs"],
                delete_before_replace=True,
            ),
        )
        self.container_id = container.id
        self.register_outputs({"container_id": self.container_id})


def _capabilities(added: Sequence[Capability]) -> docker.ContainerCapabilitiesArgsDict:
    # Docker spells them CAP_*; any other spelling is a difference that never ends.
    return (
        {"drops": ["ALL"], "adds": sorted(f"CAP_{capability.value}" for capability in added)}
        if added
        else {"drops": ["ALL"]}
    )


def _environment(args: NewtContainerArgs) -> dict[str, str]:
    newt = args.newt
    folder = MOUNTED_VOLUME if args.credentials.is_provisioning else MOUNTED_CREDENTIALS
    own = {
        "CONFIG_FILE": f"{folder}/config.json",
        # Outside a container an agent replaces its own program at the server's word. The image of
        # pangolin-cli says that it is in one since 0.22.0 only.
        "NEWT_SYSTEM_SUBSTRATE": "CONTAINER",
        "PANGOLIN_ENDPOINT": args.endpoint,
        "LOG_LEVEL": newt.log_level.value,
        "DISABLE_CLIENTS": _flag(not newt.clients),
        "DISABLE_SSH": _flag(not newt.ssh),
    }
    if newt.health:
        own["HEALTH_FILE"] = HEALTH_FILE
    return {**newt.variables, **args.agent.variables, **own}


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _mounts(
    volume: pulumi.Input[str], credentials: str, *, is_provisioning: bool
) -> list[docker.ContainerMountArgsDict]:
    state: docker.ContainerMountArgsDict = {
        "type": "volume",
        "source": volume,
        "target": MOUNTED_VOLUME,
        "read_only": not is_provisioning,
    }
    if is_provisioning:
        return [state]
    return [
        {
            "type": "bind",
            "source": credentials,
            "target": MOUNTED_CREDENTIALS,
            "read_only": True,
        },
        state,
    ]


def _healthcheck() -> docker.ContainerHealthcheckArgsDict:
    # newt writes the file only after a tunnel ping. Spellings as Docker gives them back.
    return {
        "tests": ["CMD-SHELL", f"test -f {HEALTH_FILE}"],
        "interval": "30s",
        "timeout": "5s",
        "start_period": "30s",
        "retries": 3,
    }
