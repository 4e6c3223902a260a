"""newt itself on a Docker host: network, volume, image, credentials and the container, with nothing
it does not need.

Leaves the firewall to ``egress_firewall``, which must stand before any of this exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker
from pulumi_command import remote

from components.connection import connection
from components.sentences import told
from newt_tunnel.docker_host.credentials import kept_revision
from newt_tunnel.docker_host.payload import PROGRAM_PATH
from newt_tunnel.docker_host.ssh import SshHost
from newt_tunnel.egress.cage import Cage

NETWORK = "newt"
CONTAINER = "newt-tunnel"
VOLUME = "newt-config"
#: By this label the host's program tells our network and container from somebody else's.
STACK_LABEL = "newt-tunnel.stack"
#: nobody; newt needs no user of its own (its WireGuard runs in user space).
USER = "65534:65534"
CREDENTIALS_FOLDER = "/var/lib/newt-egress/credentials"
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
    #: ``project/stack``.
    owner: str
    endpoint: str
    image: str
    #: What must stand before any of this exists. A component's own depends_on does not reach its
    #: children's state, and the firewall must outlive them at destroy.
    after: Sequence[pulumi.Resource]
    #: Content of newt's configuration file; must be secret.
    credentials: pulumi.Output[str]
    #: Whether newt registers itself with a provisioning key and writes what it is given into its
    #: volume.
    provisioning: bool = False
    #: Of the firewall: a host whose guard had to be renewed may have lost the credentials too.
    #: None: not known.
    generation: str | None = None
    #: What the host says of them (``host.credentials``).
    stored_credentials: str = ""
    #: Whether a proof has stopped newt: a container that is made now is not started.
    held: bool = False

    # network
    dns: Sequence[str]
    #: ``(host name, address)`` pairs for /etc/hosts.
    hosts: Sequence[tuple[str, str]] = ()

    # process
    capabilities: Sequence[str] = ()
    clients: bool = False
    ssh: bool = False
    log_level: str = "INFO"
    health: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: int = 128  # MB
    cpus: float | None = None
    #: Whether Docker starts newt at boot. Not where the rules could come later than Docker.
    restart_by_docker: bool = True

    # credentials; None leaves the choice of a key to the ssh agent
    private_key: pulumi.Input[str] | None = None


class NewtContainer(pulumi.ComponentResource):
    """Container ``newt-tunnel`` alone on its network, at a fixed address."""

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
        on_host = pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[*args.after])

        network = docker.Network(
            f"{name}-network",
            name=NETWORK,
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
        volume = docker.Volume(f"{name}-config", name=VOLUME, opts=on_host)
        image = docker.RemoteImage(
            f"{name}-image", name=args.image, keep_locally=True, opts=on_host
        )
        credentials = self._credentials(name, args, volume)

        container = docker.Container(
            f"{name}-container",
            name=CONTAINER,
            image=image.image_id,
            # identity
            user=USER,
            labels=[
                # A changed credential is a changed container; the revision tells nothing of the
                # credential.
                {
                    "label": "newt-tunnel.credentials",
                    "value": _revision(args, credentials),
                },
                {"label": STACK_LABEL, "value": args.owner},
            ],
            # network; network_mode stays unset, or Docker ignores the fixed address
            networks_advanced=[{"name": network.name, "ipv4_address": str(args.cage.newt)}],
            dns=sorted(args.dns),
            hosts=[{"host": host, "ip": address} for host, address in sorted(args.hosts)],
            # confinement
            read_only=True,
            tmpfs={"/tmp": "rw,noexec,nosuid,size=16m"},
            capabilities=_capabilities(args.capabilities),
            security_opts=["no-new-privileges"],
            memory=args.memory,
            memory_swap=args.memory,
            cpus=None if args.cpus is None else f"{args.cpus:g}",
            # process
            envs=[f"{key}={value}" for key, value in sorted(_environment(args).items())],
            mounts=_mounts(args, volume.name),
            healthcheck=_healthcheck() if args.health else None,
            log_driver="json-file",
            log_opts=LOG_OPTIONS,
            # life cycle; must_run would start a newt that the proof has stopped
            restart="unless-stopped" if args.restart_by_docker else "no",
            must_run=False,
            # The proof starts a held newt, when it finds the cage shut. Not an ignored change:
            # `--replace` makes a container with what is ignored.
            start=False if args.held else None,
            destroy_grace_seconds=STOP_SECONDS,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=provider,
                depends_on=[*args.after, credentials, network, volume],
                # The provider reports changes of these as updates that never reach the container.
                replace_on_changes=["healthcheck", "mounts", "tmpfs"],
                delete_before_replace=True,
            ),
        )
        self.container_id = container.id
        self.register_outputs({"container_id": self.container_id})

    def _credentials(
        self, name: str, args: NewtContainerArgs, volume: docker.Volume
    ) -> remote.Command:
        place = f"volume {VOLUME}" if args.provisioning else "file"
        return remote.Command(
            f"{name}-credentials",
            connection=connection(args.host, args.private_key),
            create=args.host.as_root(f"{PROGRAM_PATH} credentials {place}"),
            stdin=args.credentials,
            add_previous_output_in_env=False,
            logging=remote.Logging.STDERR,
            # Safe here: nothing is deleted, so a replacement is just another run.
            triggers=[args.generation or "unknown"],
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.after, volume],
                ignore_changes=["triggers"] if args.generation is None else [],
            ),
        )


def _revision(args: NewtContainerArgs, credentials: remote.Command) -> pulumi.Output[str]:
    """What the host prints. A preview does not know it when the command runs again, and would
    announce another container where the same credentials are stored once more.
    """
    printed = credentials.stdout.apply(
        told(
            f"{args.host.address} did not say which credentials it has written",
            lambda said: said.split()[-1],
        )
    )
    if not pulumi.runtime.is_dry_run() or not args.stored_credentials:
        return printed

    def foreseen(document: str) -> pulumi.Input[str]:
        own_file = not args.provisioning
        return kept_revision(args.stored_credentials, document, own_file=own_file) or printed

    # The revision tells nothing of what it was made from.
    return pulumi.Output.unsecret(args.credentials.apply(foreseen))


def _capabilities(added: Sequence[str]) -> docker.ContainerCapabilitiesArgsDict:
    # Docker spells them CAP_*; any other spelling is a difference that never ends.
    return (
        {"drops": ["ALL"], "adds": [f"CAP_{capability}" for capability in sorted(added)]}
        if added
        else {"drops": ["ALL"]}
    )


def _environment(args: NewtContainerArgs) -> dict[str, str]:
    config = f"{MOUNTED_VOLUME if args.provisioning else MOUNTED_CREDENTIALS}/config.json"
    own = {
        "CONFIG_FILE": config,
        # A newt outside a container replaces its own program at the server's word.
        "NEWT_SYSTEM_SUBSTRATE": "CONTAINER",
        "PANGOLIN_ENDPOINT": args.endpoint,
        "LOG_LEVEL": args.log_level,
        "DISABLE_CLIENTS": _flag(not args.clients),
        "DISABLE_SSH": _flag(not args.ssh),
    }
    if args.health:
        own["HEALTH_FILE"] = HEALTH_FILE
    return dict(args.environment) | own


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _mounts(
    args: NewtContainerArgs, volume: pulumi.Input[str]
) -> list[docker.ContainerMountArgsDict]:
    state: docker.ContainerMountArgsDict = {
        "type": "volume",
        "source": volume,
        "target": MOUNTED_VOLUME,
        "read_only": not args.provisioning,
    }
    if args.provisioning:
        return [state]
    return [
        {
            "type": "bind",
            "source": CREDENTIALS_FOLDER,
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
