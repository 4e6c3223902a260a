"""The firewall that confines newt on a Docker host, as one remote command.

Owns when the host's program runs, and what makes it run again. ``docker_host.payload`` makes its
text; ``components.host_look`` finds out what the host has before the resource is declared, because
the engine never looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pulumi
from pulumi_command import remote

from components.connection import connection
from newt_tunnel.docker_host import state
from newt_tunnel.docker_host.payload import Declaration
from newt_tunnel.docker_host.ssh import SshHost


@dataclass(frozen=True, kw_only=True)
class EgressFirewallArgs:
    # required
    host: SshHost
    declaration: Declaration
    #: The host's answer; None if a preview cannot reach it.
    found: state.HostState | None
    # credentials; None leaves the choice of a key to the ssh agent
    private_key: pulumi.Input[str] | None = None


class EgressFirewall(pulumi.ComponentResource):
    """Rules, their persistence and the program that keeps them, on the Docker host.

    A changed declaration is an update in place: the host swaps its rules in one transaction. There
    are no triggers, because a replacement would run the old delete after the new create and leave
    the host without a cage.
    """

    arrangement: pulumi.Output[dict[str, str]]
    #: See ``docker_host.state``; None when a preview could not reach the host.
    generation: str | None
    #: The host's record of newt's credentials (``docker_host.credentials``).
    stored_credentials: str
    #: Whether newt is stopped, or will be, until a proof finds its cage shut.
    held: bool = False

    def __init__(
        self, name: str, args: EgressFirewallArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("newt-tunnel:docker:EgressFirewall", name, None, opts)
        self.stored_credentials = ""
        self.generation = None if args.found is None else self._generation(args, args.found)
        command = remote.Command(
            f"{name}-rules",
            connection=connection(args.host, args.private_key),
            create=args.host.as_root(f"sh -s -- apply {self.generation or 'unknown'}"),
            delete=args.host.as_root("sh -s -- remove"),
            stdin=args.declaration.script,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                # Without an answer from the host drift is unknown, and the rules stay as in the
                # state.
                ignore_changes=["create"] if self.generation is None else [],
            ),
        )
        cage = args.declaration.cage
        self.arrangement = command.id.apply(
            lambda _: {
                "firewall": cage.firewall.value,
                "hook": cage.hook.value,
                "bridge": cage.bridge,
                "newt": str(cage.newt),
                "persistence": args.declaration.persistence,
            }
        )
        self.register_outputs({"arrangement": self.arrangement})

    def _generation(self, args: EgressFirewallArgs, answer: state.HostState) -> str:
        """Return the generation for the host's present state, and report that state."""
        address = args.host.address
        try:
            generation = state.generation(answer, args.declaration, datetime.now(UTC))
        except state.ForeignOwnerError as error:
            raise pulumi.RunError(f"docker.address: {address} {error}") from error
        self.stored_credentials = answer.credentials
        self.held = bool(answer.held or answer.open)
        if generation.finding:
            tell = pulumi.log.info if answer.state == "absent" else pulumi.log.warn
            tell(f"{address} {generation.finding}", resource=self)
        if answer.unresolved:
            pulumi.log.warn(
                f"{address}: host names are not refreshed, the rules keep the addresses that they "
                f"have: {answer.unresolved}",
                resource=self,
            )
        if answer.former:
            pulumi.log.warn(f"{address}: {answer.former}", resource=self)
        if answer.containers:
            _tell_containers(answer.containers, self)
        if answer.neighbours:
            pulumi.log.warn(
                f"{address}: on newt's network, where newt must be alone: {answer.neighbours}; "
                "they may talk with newt past the rules, and changed rules are refused: "
                f"docker network disconnect {args.declaration.names.network} NAME",
                resource=self,
            )
        return generation.text


def _tell_containers(text: str, resource: pulumi.Resource) -> None:
    """Print where each container of the deployed stack leads now; one that is not there is a
    warning, and no error: it is reached when it comes.
    """
    for line in text.split("; "):
        tell = pulumi.log.warn if ": not on " in line else pulumi.log.info
        tell(f"container {line}", resource=resource)
