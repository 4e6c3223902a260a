"""The `nas` stack in the lab: a Docker host, and a hostile Pangolin that orders everything."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.demo.table import Clock, Row, row
from tests.deployment import Deployment
from tests.lab import Lab
from tests.lab.server import Target
from tests.stack.observe import knock, wait_for_tunnel

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


def prepare(lab: Lab, engine: dict[str, str], clock: Clock) -> Deployment:
    """The lab, and a user's checkout that is ready for `pulumi up`."""
    with clock.step("the lab: the post's network, a Docker host, a Pangolin server, no uplink"):
        lab.up()
    made = deployment(lab, engine)
    with clock.step("a checkout on the workstation; host key and secrets by `pulumi config set`"):
        check_out(made)
    return made


def deployment(lab: Lab, engine: dict[str, str]) -> Deployment:
    return Deployment(lab, engine, stack="nas")


def check_out(made: Deployment) -> None:
    made.check_out()
    made.configure()


def measure(made: Deployment) -> Iterator[Row]:
    """The post's table, with the evidence on the target's side where there is a target."""
    lab = made.lab
    wait_for_tunnel(lab)
    yield row("DNS at 10.0.1.53", "yes", knock(lab, "10.0.1.53", 53), FROM_NEWT)
    tunnel = bool(lab.pangolin.status()["tunnel"]["up"])
    yield row("Pangolin 203.0.113.10", "yes", tunnel, "Pangolin: web socket, tunnel and ping")
    yield from _what_the_server_orders(lab)
    published = knock(lab, "10.0.1.10", 8096)
    yield row("jellyfin, published on the Docker host", "yes", published, FROM_NEWT)
    yield row("the Docker host's ssh", "no", knock(lab, "10.0.1.10", 22), FROM_NEWT)
    mark = lab.log("outsider").mark()
    answered = knock(lab, "198.51.100.66", 53)
    arrived = bool(lab.log("outsider").arrivals(mark))
    yield row("an unlisted resolver", "no", answered or arrived, "outsider: its log")


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
        yield row(traffic, expected, arrived or "status" in answer, said)
