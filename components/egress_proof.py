"""The proof that the cage holds: a remote command that tests it from newt's own network namespace.

Owns when the proof runs: after newt is in place, and again whenever the plan or the container
changes. ``egress.proof_plan`` makes the plan, and ``newt-proof`` runs it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_command import remote

from components.apply_errors import as_run_error
from components.connection import connection
from components.egress_firewall import EgressFirewall
from components.newt_container import NewtContainer
from newt_tunnel.docker_host.programs import PROOF
from newt_tunnel.docker_host.ssh import SshHost
from newt_tunnel.egress.proof_plan import Probe, render
from newt_tunnel.egress.proof_table import measurement, parse


@dataclass(frozen=True, kw_only=True)
class EgressProofArgs:
    # required
    host: SshHost
    plan: tuple[Probe, ...]
    #: The newt of the host that is measured.
    instance: str
    #: The arrangement under which the plan is tried, in a line: another one must be proved anew.
    arrangement: str
    #: Rules that had to be loaded again must be proved again.
    firewall: EgressFirewall
    #: A new container is a new thing to prove.
    newt: NewtContainer
    #: ``enforce`` stops newt and fails the update when the cage is open; ``warn`` says so; ``off``
    #: tries nothing.
    mode: str
    # credentials; None leaves the choice of a key to the ssh agent
    private_key: pulumi.Input[str] | None = None


class EgressProof(pulumi.ComponentResource):
    """The measured table. ``results`` is a list of rows; see ``egress.proof_table.Result``, and
    ``egress.proof_table.measurement`` for their other fields.
    """

    results: pulumi.Output[list[dict[str, str]]]

    def __init__(
        self, name: str, args: EgressProofArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("newt-tunnel:docker:EgressProof", name, None, opts)
        generation = args.firewall.generation
        command = remote.Command(
            f"{name}-probes",
            connection=connection(args.host, args.private_key),
            create=args.host.as_root(f"sh -s -- {args.mode} {args.instance}"),
            stdin=_script(args),
            # Safe here: nothing is deleted, so a replacement is just another run.
            triggers=[args.newt.container_id, generation or "unknown"],
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[args.firewall, args.newt],
                ignore_changes=["triggers"] if generation is None else [],
            ),
        )
        self.results = command.stdout.apply(
            # After a proof that found a hole the engine keeps the output of the one before.
            as_run_error(
                f"the table of the proof on {args.host.address} cannot be read",
                _rows,
            )
        )
        # The table is an output of the stack; each further copy would cost every preview its time.
        self.register_outputs({})


def _rows(table: str) -> list[dict[str, str]]:
    measured = measurement(table)
    return [result.as_row() | measured for result in parse(table)]


def _script(args: EgressProofArgs) -> str:
    plan = f"plan() {{ cat <<'END-OF-PLAN'\n{render(args.plan)}END-OF-PLAN\n}}\n"
    return f"# {args.arrangement}\n{plan}{PROOF}"
