"""`make demo`: deploys a stack in the lab, for real, and shows the post's table as measured.

Owns the story: set-up, `pulumi up` with the engine's own output, a hostile Pangolin, the table, and
the last line `N as expected, M wrong`. Exit status 0 only if M is 0; 3 when nothing could be
measured here. Leaves the lab up for a look. With KUBECONFIG in the environment `k3s-home` is
deployed in that cluster instead of the lab's (existing.py).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import yaml

from newt_tunnel.egress import nftables, reach
from newt_tunnel.settings import policy
from newt_tunnel.settings.files import expanded
from newt_tunnel.settings.load import judge
from newt_tunnel.settings.stack import Settings
from tests.demo import cloud, existing, k3s_home, nas
from tests.demo.table import Clock, conclude
from tests.deployment import PROJECT, REPOSITORY
from tests.engine.prepare import CHOICES, EngineError, prepare
from tests.engine.versions import PLUGINS_OF
from tests.lab import Lab, LabError
from tests.lab.fixtures import unavailable

STACKS = {"nas": nas, "k3s-home": k3s_home}
NOT_MEASURED = 3
#: The example has no host key: it belongs to the user's host.
SOME_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUkOGGpxZTyV4PuHi7U4OOWRyLfbmCM5j/4nEOPfSIu"


def demo(stack: str, plugins: str, *, hosted: bool) -> int:
    """The whole story; returns the exit status."""
    target = STACKS[stack]
    clock = Clock()
    with clock.step("the engine"):
        engine = prepare(plugins, PLUGINS_OF[stack])
    deployment = target.prepare(Lab(), engine, clock)
    if hosted:
        with clock.step(f"Pangolin Cloud: {len(cloud.NODES)} nodes under their documented names"):
            cloud.host(deployment.lab)
            cloud.configure(deployment)
    with clock.step(f"pulumi up -s {stack}"):
        command = ["pulumi", "up", "--stack", stack, "--yes", "--color", "never"]
        status = subprocess.call(
            deployment.workstation.argv(command), env=deployment.environment, cwd=deployment.folder
        )
    if status != 0:
        print(f"pulumi up failed ({status}); {_how_to_look(stack)}")
        return status
    with clock.step("newt connects, and a hostile Pangolin orders it to expose everything"):
        rows = list(target.measure(deployment))
    if hosted:
        with clock.step("newt chooses among nodes, one of which dies"):
            rows += cloud.measure(deployment)
    return conclude(rows, clock, _how_to_look(stack))


def _how_to_look(stack: str) -> str:
    return (
        f"the lab stays up: `make lab-shell STACK={stack}` is the workstation "
        f"(try: pulumi preview -s {stack} --diff), `make lab-down` removes it"
    )


def without_lab(stack: str, reason: str) -> int:
    """What can run anywhere: the example's allow-list, and the rules it renders."""
    document = yaml.safe_load((REPOSITORY / "stacks" / f"Pulumi.{stack}.yaml").read_text())
    tree = {key.removeprefix(f"{PROJECT}:"): value for key, value in document["config"].items()}
    if "docker" in tree:
        tree["docker"]["hostKey"] = SOME_HOST_KEY
    settings, problems = judge(tree)
    if settings is None:
        print("\n".join(map(str, problems)))
        return 1
    if isinstance(settings, Settings):
        allowed = policy.policy(settings)
        print(f"what newt may reach under stacks/Pulumi.{stack}.yaml:")
        for one in reach.report(allowed):
            print(f"  {one.name:<20}{one.destination:<20}{f'{one.port}/{one.protocol}':<12}")
        print(f"\nits rules:\n{nftables.render(allowed, policy.cage(settings, stack))}")
    else:
        print(f"stacks/Pulumi.{stack}.yaml is valid; its look-ups need a cluster")
    print(f"skipped: the deployment itself, because {reason}; nothing was measured")
    return NOT_MEASURED


def shell(stack: str) -> int:
    """An interactive shell in the checkout, on the workstation."""
    lab = Lab()
    if not lab.is_up():
        print("the lab is not up: run `make demo` or `make lab-up` first")
        return 1
    deployment = STACKS[stack].deployment(lab, prepare(needed=PLUGINS_OF[stack]))
    if not deployment.stack_file.exists() or "secure:" not in deployment.stack_file.read_text():
        STACKS[stack].check_out(deployment)
    environment = deployment.environment | {"PS1": r"workstation:\w\$ "}
    command = deployment.workstation.argv(["bash", "--norc", "-i"])
    return subprocess.call(command, env=environment, cwd=deployment.folder)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--stack", default="nas", choices=STACKS)
    parser.add_argument("--plugins", default="auto", choices=CHOICES)
    parser.add_argument(
        "--pangolin",
        default="own",
        choices=("own", "cloud"),
        help="one server, or Pangolin Cloud with its nodes, each a dummy in the lab",
    )
    cluster = parser.add_argument_group("an existing cluster, named by KUBECONFIG")
    cluster.add_argument("--address", default="", help="this machine's, as pods reach it")
    cluster.add_argument(
        "--accept-node-access",
        action="store_true",
        help="the stack's kubernetes.acceptNodeAccess: for an enforcer that exempts its own node",
    )
    parser.add_argument("--shell", action="store_true", help="a shell where `pulumi` works")
    arguments = parser.parse_args()
    if kubeconfig := os.environ.get("KUBECONFIG"):
        # Of `make demo KUBECONFIG=~/...` not every shell expands the tilde.
        parts = [str(expanded(part)) for part in kubeconfig.split(os.pathsep)]
        os.environ["KUBECONFIG"] = os.pathsep.join(parts)
    if arguments.stack == existing.STACK and os.environ.get("KUBECONFIG") and not arguments.shell:
        options = existing.Options(
            address=arguments.address, accept_node_access=arguments.accept_node_access
        )
        return existing.demo(arguments.plugins, options)
    if reason := unavailable():
        return without_lab(arguments.stack, reason)
    if arguments.shell:
        return shell(arguments.stack)
    hosted = arguments.pangolin == "cloud"
    return demo(arguments.stack, arguments.plugins, hosted=hosted)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, EngineError) as error:
        sys.exit(f"error: {error}")
