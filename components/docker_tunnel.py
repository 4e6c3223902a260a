"""The ``docker`` platform as a whole: firewall first, then newt, then the proof of confinement."""

from __future__ import annotations

from dataclasses import replace

import pulumi

from components import host_look
from components.egress_firewall import EgressFirewall, EgressFirewallArgs
from components.egress_proof import EgressProof, EgressProofArgs
from components.newt_container import NewtContainer, NewtContainerArgs
from components.newt_credentials import Credentials
from components.policy_pack_facts import policy_pack_facts
from components.shell_commands import folded
from newt_tunnel.docker_host.docker_names import DockerNames
from newt_tunnel.docker_host.payload import PROGRAM_PATH, Declaration
from newt_tunnel.docker_host.ssh import SshHost
from newt_tunnel.egress import limits, proof_plan, reach
from newt_tunnel.egress.cage import Cage, Hook
from newt_tunnel.settings import policy as settings_policy
from newt_tunnel.settings.dns import Dns
from newt_tunnel.settings.docker import Persistence
from newt_tunnel.settings.secrets import Secrets
from newt_tunnel.settings.stack import Settings

#: The resolver of a newt that may ask any resolver; newt's own default.
PUBLIC_RESOLVER = str(proof_plan.FOREIGN_RESOLVER)


class DockerTunnel(pulumi.ComponentResource):
    """newt on a Docker host, confined. Its outputs are the stack's (docs/configuration.md)."""

    reach: list[dict[str, str]]
    host: str
    firewall: pulumi.Output[dict[str, str]]
    proof: pulumi.Output[list[dict[str, str]]]
    verify: list[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        secrets: Secrets,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("newt-tunnel:docker:DockerTunnel", name, None, opts)
        policy, host = settings_policy.policy(settings), SshHost.of(settings.docker)
        declared = settings_policy.cage(settings, pulumi.get_stack())
        names = DockerNames.of(settings.docker.instance)
        looked = host_look.look(host, settings.docker, declared.instance, policy.target_count, self)
        cage = replace(declared, firewall=looked.firewall)
        owner = f"{pulumi.get_project()}/{pulumi.get_stack()}"
        persistence = settings.docker.persistence
        if cage.hook is Hook.DOCKER_USER:
            unstopped = "\n".join(f"- {limit}" for limit in limits.limits(cage))
            pulumi.log.warn(f"docker.hook: docker-user cannot stop everything:\n{unstopped}", self)

        declaration = Declaration(
            policy=policy,
            cage=cage,
            owner=owner,
            names=names,
            persistence=persistence.value,
        )
        firewall = EgressFirewall(
            f"{name}-firewall",
            EgressFirewallArgs(
                host=host,
                declaration=declaration,
                found=looked.found,
                private_key=secrets.ssh_private_key,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        newt = NewtContainer(
            f"{name}-newt",
            NewtContainerArgs(
                host=host,
                cage=cage,
                names=names,
                owner=owner,
                endpoint=str(settings.pangolin.endpoint),
                agent=settings.agent.kind,
                image=settings.image,
                newt=settings.newt,
                credentials=Credentials.of(settings, secrets),
                firewall=firewall,
                dns=_resolvers(settings.dns, cage),
                hosts=_hosts(settings),
                restart_by_docker=persistence
                in (Persistence.SYSTEMD, Persistence.NETFILTER_PERSISTENT),
                private_key=secrets.ssh_private_key,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        measured = EgressProof(
            f"{name}-proof",
            EgressProofArgs(
                host=host,
                plan=proof_plan.plan(policy, cage, ssh_port=host.port),
                mode=settings.proof.value,
                instance=declaration.instance,
                arrangement=declaration.arrangement,
                firewall=firewall,
                newt=newt,
                private_key=secrets.ssh_private_key,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

        self.reach = [row.as_dict() for row in reach.report(policy)]
        self.host = host.url
        self.firewall = firewall.arrangement
        self.proof = measured.results
        self.verify = _verify(host, names.container)
        self.register_outputs(
            {
                "reach": self.reach,
                "host": self.host,
                "firewall": self.firewall,
                "verify": self.verify,
                # For the policy pack: outputs make no resource run again.
                **policy_pack_facts(settings),
            }
        )


def _resolvers(dns: Dns, cage: Cage) -> list[str]:
    """Return the resolvers of newt's container. Never Docker's default, which may bypass every
    chain.
    """
    if dns.anywhere:
        return [PUBLIC_RESOLVER]
    # Without DNS: newt's own address, where nothing answers.
    return [str(resolver) for resolver in dns.resolvers or (cage.newt,)]


def _hosts(settings: Settings) -> list[tuple[str, str]]:
    """Return entries for /etc/hosts: without DNS the endpoint's name must be known."""
    endpoint = settings.pangolin.endpoint.host
    if settings.dns.resolvers or settings.dns.anywhere or not isinstance(endpoint, str):
        return []
    return [(endpoint, str(address)) for address in settings.pangolin.addresses or ()]


def _verify(host: SshHost, container: str) -> list[str]:
    """Commands that show by hand what the proof measured."""
    ssh = f"ssh -p {host.port} {host.user}@{host.address}"
    root = "sudo " if host.needs_sudo else ""
    return [
        folded(f"{ssh} {root}{PROGRAM_PATH} status"),
        # newt's image brings a netcat.
        folded(f"{ssh} docker exec {container} nc -w 3 {host.address} {host.port} </dev/null"),
        "# the last one must fail: newt may not reach its own host",
    ]
