"""`make demo`: deploys the `nas` stack in the lab and shows the table of the post as measured.

Owns the story: set-up, `pulumi up` with the engine's own output, a hostile Pangolin, the table, and
the last line `N as expected, M wrong`. Exit status 0 only if M is 0; 3 when nothing could be
measured here. Leaves the lab up for a look. Evidence is taken on the target's side where there is
a target.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import yaml

from egress import iptables, reach
from settings import policy
from settings.load import judge
from tests.deployment import PROJECT, REPOSITORY, Deployment
from tests.engine.prepare import CHOICES, EngineError, prepare
from tests.lab import Lab, LabError
from tests.lab.fixtures import unavailable
from tests.lab.server import Target
from tests.stack.observe import knock, wait_for_tunnel

STACKS = ("nas",)
NOT_MEASURED = 3
FROM_NEWT = "connection from newt's network namespace"
FIRST_LISTENER = 7000
#: What the hostile server orders newt to expose, whose log tells, and the answer of the post.
ORDERS = (
    ("gitea 10.0.1.50:3000", "gitea", "10.0.1.50:3000", "yes"),
    ("homeassistant 10.0.1.100:8123", "homeassistant", "10.0.1.100:8123", "yes"),
    ("printer 10.0.1.200:631", "printer", "10.0.1.200:631", "yes"),
    ("postgres 10.0.1.60:5432", "postgres", "10.0.1.60:5432", "no"),
    ("router 10.0.1.1:80", "router", "10.0.1.1:80", "no"),
    ("the Docker host's web UI :5000", "nas", "10.0.1.10:5000", "no"),
    ("anything else: 198.51.100.66:443", "outsider", "198.51.100.66:443", "no"),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the post's table."""

    traffic: str
    expected: str
    observed: str
    by: str

    @property
    def wrong(self) -> bool:
        return self.expected != self.observed


class Clock:
    """Where the time goes."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, float]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        yield
        self._steps.append((name, time.monotonic() - started))

    def report(self) -> str:
        total = sum(seconds for _, seconds in self._steps)
        lines = [f"  {seconds:6.1f} s  {name}" for name, seconds in self._steps]
        return "\n".join(("where the time went:", *lines, f"  {total:6.1f} s  in all"))


def demo(stack: str, plugins: str) -> int:
    """The whole story; returns the exit status."""
    clock = Clock()
    lab = Lab()
    with clock.step("the engine"):
        engine = prepare(plugins)
    with clock.step("the lab: the post's network, a Docker host, a Pangolin server, no uplink"):
        lab.up()
    deployment = Deployment(lab, engine, stack=stack)
    with clock.step("a checkout on the workstation; host key and secrets by `pulumi config set`"):
        deployment.check_out()
        deployment.configure()
    with clock.step(f"pulumi up -s {stack}"):
        command = ["pulumi", "up", "--stack", stack, "--yes", "--color", "never"]
        status = subprocess.call(
            deployment.workstation.argv(command), env=deployment.environment, cwd=deployment.folder
        )
    if status != 0:
        print(f"pulumi up failed ({status}); {_how_to_look(stack)}")
        return status
    with clock.step("newt connects, and a hostile Pangolin orders it to expose everything"):
        wait_for_tunnel(lab)
        rows = [*_what_newt_needs(lab), *_what_the_server_orders(lab), *_what_else(lab)]
    print(f"\n{_table(rows)}\n\n{clock.report()}\n\n{_how_to_look(stack)}\n")
    wrong = sum(row.wrong for row in rows)
    print(f"{len(rows) - wrong} as expected, {wrong} wrong")
    return 1 if wrong else 0


def _what_newt_needs(lab: Lab) -> Iterator[Row]:
    yield _row("DNS at 10.0.1.53", "yes", knock(lab, "10.0.1.53", 53), FROM_NEWT)
    tunnel = bool(lab.pangolin.status()["tunnel"]["up"])
    yield _row("Pangolin 203.0.113.10", "yes", tunnel, "Pangolin: web socket, tunnel and ping")


def _what_the_server_orders(lab: Lab) -> Iterator[Row]:
    numbered = list(enumerate(ORDERS, FIRST_LISTENER))
    lab.pangolin.expose(
        [Target(listen=listen, target=target) for listen, (_, _, target, _) in numbered]
    )
    marks = [lab.log(machine).mark() for _, machine, _, _ in ORDERS]
    # At once: a silent drop shows itself only by a time-out.
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lab.pangolin.fetch, [listen for listen, _ in numbered]))
    for (traffic, machine, _, expected), mark, answer in zip(ORDERS, marks, answers, strict=True):
        arrived = bool(lab.log(machine).arrivals(mark))
        said = f"tunnel: {answer.get('status', 'no answer')}; {machine}: " + (
            "connection logged" if arrived else "nothing in its log"
        )
        yield _row(traffic, expected, arrived or "status" in answer, said)


def _what_else(lab: Lab) -> Iterator[Row]:
    published = knock(lab, "10.0.1.10", 8096)
    yield _row("jellyfin, published on the Docker host", "yes", published, FROM_NEWT)
    yield _row("the Docker host's ssh", "no", knock(lab, "10.0.1.10", 22), FROM_NEWT)
    mark = lab.log("outsider").mark()
    answered = knock(lab, "198.51.100.66", 53)
    arrived = bool(lab.log("outsider").arrivals(mark))
    yield _row("an unlisted resolver", "no", answered or arrived, "outsider: its log")


def _row(traffic: str, expected: str, observed: bool, by: str) -> Row:
    return Row(traffic=traffic, expected=expected, observed="yes" if observed else "no", by=by)


def _table(rows: list[Row]) -> str:
    lines = [f"{'newt reaches':<40}{'expected':<10}{'observed':<10}by whom"]
    for row in rows:
        mark = "  <-- WRONG" if row.wrong else ""
        lines.append(f"{row.traffic:<40}{row.expected:<10}{row.observed:<10}{row.by}{mark}")
    return "\n".join(lines)


def _how_to_look(stack: str) -> str:
    return (
        "the lab stays up: `make lab-shell` is the workstation "
        f"(try: pulumi preview -s {stack} --diff), `make lab-down` removes it"
    )


def without_lab(stack: str, reason: str) -> int:
    """What can run anywhere: the example's allow-list, and the rules it renders."""
    document = yaml.safe_load((REPOSITORY / "stacks" / f"Pulumi.{stack}.yaml").read_text())
    tree = {key.removeprefix(f"{PROJECT}:"): value for key, value in document["config"].items()}
    # The example has no host key: it belongs to the user's host.
    tree["docker"]["hostKey"] = f"ssh-ed25519 {_A_KEY}"
    settings, problems = judge(tree)
    if settings is None:
        print("\n".join(map(str, problems)))
        return 1
    allowed = policy.policy(settings)
    print(f"what newt may reach under stacks/Pulumi.{stack}.yaml:")
    for row in reach.report(allowed):
        print(f"  {row.name:<20}{row.destination:<20}{row.port}/{row.protocol:<8}{row.origin}")
    print(f"\nits rules:\n{iptables.render(allowed, policy.cage(settings)).rules4}")
    print(f"skipped: the deployment itself, because {reason}; nothing was measured")
    return NOT_MEASURED


_A_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIHUkOGGpxZTyV4PuHi7U4OOWRyLfbmCM5j/4nEOPfSIu"


def shell(stack: str) -> int:
    """An interactive shell in the checkout, on the workstation."""
    lab = Lab()
    if not lab.is_up():
        print("the lab is not up: run `make demo` or `make lab-up` first")
        return 1
    deployment = Deployment(lab, prepare(), stack=stack)
    if not deployment.folder.exists():
        deployment.check_out()
        deployment.configure()
    environment = deployment.environment | {"PS1": r"workstation:\w\$ "}
    command = deployment.workstation.argv(["bash", "--norc", "-i"])
    return subprocess.call(command, env=environment, cwd=deployment.folder)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--stack", default="nas", choices=STACKS)
    parser.add_argument("--plugins", default="auto", choices=CHOICES)
    parser.add_argument("--shell", action="store_true", help="a shell where `pulumi` works")
    arguments = parser.parse_args()
    if reason := unavailable():
        return without_lab(arguments.stack, reason)
    return shell(arguments.stack) if arguments.shell else demo(arguments.stack, arguments.plugins)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, EngineError) as error:
        sys.exit(f"error: {error}")
