"""The parts of docs/evidence.md that the suite writes, with the versions it was measured on."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from tests.attack import report
from tests.attack.siege import ARRANGEMENTS, Finding
from tests.host.rig import IMAGE, Host
from tests.lab.kubernetes.binaries import CILIUM, KUBERNETES
from tests.unit.docs.documents import EVIDENCE, with_part

HOST, CLUSTER = "attacks", "cluster-attacks"

_VERSIONS = {
    "Docker": "docker version --format '{{.Server.Version}}'",
    "iptables": "iptables --version | cut -d ' ' -f 2",
    "nftables": "nft --version | cut -d ' ' -f 2",
    "on": ". /etc/os-release; echo $PRETTY_NAME",
}


def versions_by_name(host: Host) -> dict[str, str]:
    told = {name: host.sh(command).strip() for name, command in _VERSIONS.items()}
    return told | {"kernel": platform.release(), "newt": IMAGE.partition(":")[2]}


def versions(host: Host) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions_by_name(host).items())


def cluster_versions() -> str:
    return f"Kubernetes {KUBERNETES}, Cilium {CILIUM}, kernel {platform.release()}"


def of_host(
    measured_on: str,
    findings: Sequence[Finding],
    compared: report.Compared,
    table: report.Table,
) -> str:
    limits = report.limits_shown(findings, ARRANGEMENTS)
    known = "\n".join(f"- {name}\n{text}" for name, text in limits.items())
    last = report.conclusion(findings, compared)
    return "\n\n".join(
        (
            f"Measured with {measured_on}.",
            "```text\n" + "\n".join((*compared.lines, last)) + "\n```",
            report.markdown(table),
            f"The known limits of each arrangement:\n\n{known}",
        )
    )


def of_cluster(findings: Sequence[Finding], compared: report.Compared, table: report.Table) -> str:
    last = report.conclusion(findings, compared)
    return "\n\n".join(
        (
            f"Measured with {cluster_versions()}.",
            "```text\n" + "\n".join((*compared.lines, last)) + "\n```",
            report.markdown(table),
        )
    )


def write(name: str, text: str) -> None:
    EVIDENCE.write_text(with_part(EVIDENCE.read_text(), name, text))
