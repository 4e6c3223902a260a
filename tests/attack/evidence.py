"""The parts of docs/evidence.md that the suite writes, with the versions it was measured on."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence

from newt_tunnel.egress.limits import DOCKER_USER, HostLimit
from tests.attack import columns, report
from tests.attack.siege import Finding
from tests.host.rig import IMAGE, Host
from tests.lab.kubernetes.binaries import CILIUM, KUBERNETES
from tests.unit.docs.documents import EVIDENCE, with_part

DIFFERENTIAL, HOST, CLUSTER = "differential", "attacks", "cluster-attacks"

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
    return _listed(versions_by_name(host))


def others(host: Host) -> str:
    """All but that of Docker."""
    by_name = versions_by_name(host)
    del by_name["Docker"]
    return _listed(by_name)


def _listed(by_name: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in by_name.items())


def cluster_versions() -> str:
    return f"Kubernetes {KUBERNETES}, Cilium {CILIUM}, kernel {platform.release()}"


def of_bench(compared: report.Compared) -> str:
    return "```text\n" + "\n".join(compared.lines) + "\n```"


def of_hosts(
    what: str,
    measured: Sequence[columns.Column],
    measured_with: str,
    limits: Sequence[HostLimit] = DOCKER_USER,
) -> str:
    """The table of all engines."""
    return "\n\n".join(
        (
            columns.versions(measured, measured_with),
            report.markdown(columns.table(what, measured)),
            f"The known limits, all of `docker.hook: docker-user`:\n\n"
            f"{columns.limits(limits, measured)}",
        )
    )


def of_cluster(
    findings: Sequence[Finding], compared: Sequence[report.Compared], table: columns.Table
) -> str:
    said = [*(line for each in compared for line in each.lines)]
    said.append(report.conclusion(findings, *compared))
    return "\n\n".join(
        (
            f"Measured with {cluster_versions()}.",
            "```text\n" + "\n".join(said) + "\n```",
            report.markdown(table),
        )
    )


def write(name: str, text: str) -> None:
    EVIDENCE.write_text(with_part(EVIDENCE.read_text(), name, text))
