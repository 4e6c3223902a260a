"""The cluster at the command line: `python -m tests.lab.kubernetes up|down|status|kubectl|helm`."""

import argparse
import subprocess
import sys

from .. import Lab, LabError
from . import Cluster, binaries


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.kubernetes", description=__doc__)
    parser.add_argument(
        "--no-enforcer",
        action="store_true",
        help="the cluster without Cilium: NetworkPolicies are a silent no-op",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="bring the cluster up, and the lab if it is not")
    commands.add_parser("down", help="end and remove the cluster; the lab stays")
    commands.add_parser("status", help="the cluster's addresses, and what runs")
    for name in ("kubectl", "helm"):
        tool = commands.add_parser(name, help=f"{name} on the lab's workstation: {name} -- ...")
        tool.add_argument("argv", nargs="*", metavar="ARGUMENT")
    arguments = parser.parse_args()
    lab = Lab()
    cluster = Cluster(lab, enforcer=not arguments.no_enforcer)
    match arguments.command:
        case "up":
            if not lab.is_up():
                lab.up()
            cluster.up()
        case "down":
            cluster.down()
        case "status":
            return status(cluster)
        case "kubectl":
            return inside(lab, cluster, ["kubectl", *arguments.argv])
        case "helm":
            return inside(lab, cluster, [str(binaries.helm()), *arguments.argv])
    return 0


def status(cluster: Cluster) -> int:
    if not cluster.is_up():
        print(f"the cluster on {cluster.node.name!r} is not up")
        return 1
    print(f"the cluster on {cluster.node.name!r} is up: {cluster.layout.server}")
    print(f"  export KUBECONFIG={cluster.kubeconfig}    (on the lab's workstation)")
    print(cluster.kubectl("get", "nodes,pods", "--all-namespaces", "--output=wide"), end="")
    return 0


def inside(lab: Lab, cluster: Cluster, argv: list[str]) -> int:
    environment = {**lab.workstation.environment(), **cluster.environment()}
    return subprocess.call(lab.workstation.argv(argv), env=environment)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"error: {error}")
