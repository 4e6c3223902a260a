"""The `k3s-home` stack in the lab: a real Kubernetes node, and a hostile Pangolin."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.demo.table import Clock, Row, row
from tests.deployment import Deployment
from tests.lab import Lab
from tests.lab.kubernetes.cluster import Cluster
from tests.lab.server import Target
from tests.stack.observe import wait_for_tunnel

FIRST_LISTENER = 7100
NODE = "10.0.1.40"
#: What the hostile server orders newt to expose, whose log tells, and the answer of the post.
ORDERS = (
    ("gitea.gitea:3000", "gitea", "gitea.gitea.svc.cluster.local:3000", "yes"),
    (
        "homeassistant.homeassistant:80",
        "homeassistant",
        "homeassistant.homeassistant.svc.cluster.local:80",
        "yes",
    ),
    ("printer 10.0.1.200:631", "printer", "10.0.1.200:631", "yes"),
    ("grafana.monitoring:3000", "grafana", "grafana.monitoring.svc.cluster.local:3000", "no"),
    ("postgres.databases:5432", "postgres", "postgres.databases.svc.cluster.local:5432", "no"),
    ("router 10.0.1.1:80", "router", "10.0.1.1:80", "no"),
    ("anything else: 198.51.100.66:443", "outsider", "198.51.100.66:443", "no"),
)
IN_THE_CLUSTER = ("gitea", "homeassistant", "grafana", "postgres")


def prepare(lab: Lab, engine: dict[str, str], clock: Clock) -> Deployment:
    """The lab with its node, and a user's checkout that is ready for `pulumi up`."""
    with clock.step("the lab: the post's network and a Pangolin server, no uplink"):
        lab.up()
    cluster = Cluster(lab)
    with clock.step("a real Kubernetes node with Cilium as the enforcer"):
        cluster.up()
    made = deployment(lab, engine)
    with clock.step("a checkout on the workstation; kubeconfig and secrets by `pulumi config set`"):
        check_out(made)
    return made


def deployment(lab: Lab, engine: dict[str, str]) -> Deployment:
    return for_cluster(lab, engine, Cluster(lab))


def check_out(made: Deployment) -> None:
    made.check_out()
    made.configure_cluster(Cluster(made.lab).kubeconfig.read_text())


def for_cluster(lab: Lab, engine: dict[str, str], cluster: Cluster) -> Deployment:
    """A checkout whose `pulumi` trusts the lab's chart repository, and that has kubectl too."""
    environment = cluster.environment()
    path = f"{engine['PATH']}:{environment['PATH']}"
    trust = {"SSL_CERT_FILE": str(lab.authority.certificate)}
    return Deployment(lab, engine | environment | trust | {"PATH": path}, stack="k3s-home")


def measure(made: Deployment) -> Iterator[Row]:
    """The post's table, with the evidence on the target's side."""
    lab = made.lab
    cluster = Cluster(lab)
    wait_for_tunnel(lab)
    resolved = cluster.kubectl(
        *("exec", "--namespace=newt-tunnel", "deploy/newt-newt-newt", "--container=newt", "--"),
        *("nslookup", "pangolin.example.com"),
    )
    yield row("DNS of the cluster", "yes", "203.0.113.10" in resolved, "newt's pod: nslookup")
    tunnel = bool(lab.pangolin.status()["tunnel"]["up"])
    yield row("Pangolin 203.0.113.10", "yes", tunnel, "Pangolin: web socket, tunnel and ping")
    numbered = list(enumerate(ORDERS, FIRST_LISTENER))
    lab.pangolin.expose(
        [Target(listen=listen, target=target) for listen, (_, _, target, _) in numbered]
    )
    logs = [(cluster if name in IN_THE_CLUSTER else lab).log(name) for _, name, _, _ in ORDERS]
    marks = [log.mark() for log in logs]
    # At once: a silent drop shows itself only by a time-out.
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lab.pangolin.fetch, [listen for listen, _ in numbered]))
    for (traffic, name, _, expected), log, mark, answer in zip(
        ORDERS, logs, marks, answers, strict=True
    ):
        arrived = bool(log.arrivals(mark))
        said = f"tunnel: {answer.get('status', 'no answer')}; {name}: " + (
            "connection logged" if arrived else "nothing in its log"
        )
        yield row(traffic, expected, arrived or "status" in answer, said)
    for traffic, address, port in (
        ("the Kubernetes API", "10.43.0.1", "443"),
        ("the node's kubelet", NODE, "10250"),
    ):
        opened = cluster.opens("deploy/newt-newt-newt", "newt-tunnel", [f"{address}:{port}"])
        yield row(traffic, "no", any(opened.values()), "newt's pod: connection")
