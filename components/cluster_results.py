"""The results of an update: the measured table for the stack's outputs, and whether newt is
confined.

Runs in an ``apply``, where an unknown exception ends in a traceback: errors of other machines are
raised as ``RunError``, a message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from components.chart_values import INSTANCE_LABELS, RELEASE
from newt_tunnel import cluster
from newt_tunnel.egress import proof_table
from newt_tunnel.settings.load import kubeconfig
from newt_tunnel.settings.stack import KubernetesSettings


def confirm(
    settings: KubernetesSettings,
    status: pulumi.Output[object],
    marks: Mapping[str, str],
    resource: pulumi.Resource,
) -> None:
    """Check after the release that newt's pods are those that the policy confines."""

    def look(_: object) -> None:
        try:
            problems = cluster.confirm_confined(
                settings, kubeconfig(), INSTANCE_LABELS, marks, RELEASE
            )
        except cluster.ClusterError as error:
            raise pulumi.RunError(str(error)) from None
        for problem in problems:
            pulumi.log.warn(problem, resource=resource)

    # In a preview the earlier look has reported everything.
    if not pulumi.runtime.is_dry_run():
        status.apply(look)


def results(
    settings: KubernetesSettings,
    jobs: pulumi.Output[Sequence[str]],
    resource: pulumi.Resource,
) -> pulumi.Output[list[dict[str, str]]]:
    """Return the table that the two Jobs measured, newt's and the control's."""
    namespaces = (settings.kubernetes.namespace, settings.kubernetes.control_namespace)

    def rows(names: Sequence[str]) -> list[dict[str, str]]:
        try:
            logs = cluster.job_logs(
                settings, kubeconfig(), tuple(zip(namespaces, names, strict=True))
            )
            own, control = (log or "" for log in logs)
            table = proof_table.with_control(proof_table.parse(own), proof_table.parse(control))
        except (cluster.ClusterError, ValueError) as error:
            text = f"the table of the proof cannot be read: {error}"
            if not pulumi.runtime.is_dry_run():
                raise pulumi.RunError(text) from None
            # The earlier look has warned already; the table is not known.
            return []
        # A preview knows the name of a Job that the update will make.
        to_be_made = None in logs and pulumi.runtime.is_dry_run()
        if not table and not to_be_made:
            pulumi.log.warn(
                f"proof: the log of Job {names[0]} in {namespaces[0]} is gone, and the measured "
                "table with it; newt is confined as it was",
                resource=resource,
            )
        for result in table:
            if not result.as_expected:
                pulumi.log.warn(
                    f"proof: {result.name} {result.destination} {result.port}: expected to "
                    f"{result.expected}, {result.verdict.value} ({result.evidence})",
                    resource=resource,
                )
        measurement = proof_table.measurement(own)
        return [result.as_row() | measurement for result in table]

    return jobs.apply(rows)
