"""What happens in the cluster while newt floods: each fault as a function that does it, and checks
what else has to be so; it raises AssertionError where that is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from newt_tunnel.egress.enforcers import TAKEN_OFF
from newt_tunnel.egress.rules import Rule
from tests.attack.cluster import GRAFANA
from tests.faults.cluster.flood import THE_NODE, Programs
from tests.faults.cluster.scene import AGENT, NAMESPACE, PATIENCE, Scene
from tests.faults.finding import Limit, Window
from tests.host.rig import POSTGRES, eventually
from tests.unit.egress.cluster_cases import rule

FIRST_TARGET = IPv4Address("10.77.0.1")  # nobody's
IN_A_ROW = 30
#: Newt's container may be killed as often until Kubernetes waits for long: 0, 10 and 20 seconds.
KILLS = 3
#: How long what is killed or taken away stays away.
AWAY = 5.0
#: How far the agent is with a change of 500 targets, or with a new pod, when it is killed.
MOMENTS = (0.0, 0.2, 0.5, 1.0)
CONTAINERD, KUBELET, API_SERVER = "containerd", "kubelet", "kube-apiserver"
GRAFANA_PORT = 3000
#: Forbidden targets' other ports: newt floods another one.
OTHER_PORTS = (
    rule("grafana", f"monitoring/app.kubernetes.io/name={GRAFANA}", f"{GRAFANA_PORT}/tcp"),
    rule("postgres", f"{POSTGRES}/32", "5433/tcp"),
)

Happens = Callable[[Scene], Window | None]


@dataclass(frozen=True)
class Fault:
    """``limit`` is the one that it shows."""

    name: str
    happens: Happens
    limit: Limit | None = None


def _targets(count: int) -> tuple[Rule, ...]:
    return tuple(rule(f"target-{n}", f"{FIRST_TARGET + n}/32", "443/tcp") for n in range(count))


def _in_force(scene: Scene, *, wider: bool) -> None:
    """Returns when newt notices it: the wider list has the other ports."""
    eventually(
        lambda: scene.reaches(GRAFANA, GRAFANA_PORT) is wider,
        f"newt notices that {GRAFANA} is {'listed' if wider else 'not listed any more'}",
        within=PATIENCE,
    )


def _changed(count: int, times: int) -> Happens:
    """Targets come and go; those that come are forbidden targets' other ports."""
    targets = _targets(count)

    def happens(scene: Scene) -> None:
        for n in range(times):
            wider = n % 2 == 0
            scene.allow(*(*targets[1:], *OTHER_PORTS) if wider else targets[:-1])
            _in_force(scene, wider=wider)

    return happens


def _changed_in_a_row(scene: Scene) -> None:
    before = scene.changes()
    scene.allow_in_turn([(*_targets(n), *OTHER_PORTS[n % 2 :]) for n in range(IN_A_ROW)])
    assert scene.changes() == before + IN_A_ROW, "the API did not take all changes"
    scene.allow(*OTHER_PORTS)
    _in_force(scene, wider=True)


def _deleted(scene: Scene) -> None:
    """What closes the namespace is still there."""
    scene.cluster.kubectl("delete", "networkpolicy", "newt", f"--namespace={NAMESPACE}")
    time.sleep(AWAY)


@contextmanager
def _without(scene: Scene, program: str, *, killed: bool = False) -> Iterator[None]:
    """The node runs without one of its programs for a while."""
    if killed:
        scene.cluster.kill(program)
    else:
        scene.cluster.stop(program)
    try:
        time.sleep(AWAY)
        yield
    finally:
        scene.cluster.start(program)


def _restarted(program: str, *, killed: bool = False) -> Happens:
    def happens(scene: Scene) -> None:
        newt = scene.newt()
        with _without(scene, program, killed=killed):
            pass
        scene.node_is_well()
        assert scene.newt() == newt, "newt did not live through it"

    return happens


def changed_while_away(scene: Scene) -> None:
    with _without(scene, AGENT, killed=True):
        scene.allow(*_targets(100), *OTHER_PORTS)
        assert not scene.reaches(GRAFANA, GRAFANA_PORT), "who put the new list into force?"
        scene.reaches_what_is_listed()
    scene.agent_is_back()
    _in_force(scene, wider=True)


def _killed_in_a_change(scene: Scene) -> None:
    for n, moment in enumerate(MOMENTS):
        wider = n % 2 == 0
        scene.allow(*_targets(500), *(OTHER_PORTS if wider else ()))
        time.sleep(moment)
        scene.cluster.kill(AGENT)
        scene.cluster.start(AGENT)
        scene.agent_is_back()
        _in_force(scene, wider=wider)


def _killed_at_a_start(scene: Scene) -> None:
    for moment in MOMENTS:
        before = scene.newt()
        scene.delete_newt()
        time.sleep(moment)
        scene.cluster.kill(AGENT)
        scene.cluster.start(AGENT)
        scene.newt_floods_again(after=before)
        scene.agent_is_back()


def _newt_killed(times: int) -> Happens:
    """Its container only, whose pod keeps its network: kubelet starts it again."""

    def happens(scene: Scene) -> None:
        for _ in range(times):
            before = scene.newt()
            scene.cluster.node.run(["kill", "-KILL", before])
            scene.newt_floods_again(after=before)

    return happens


def newt_deleted(times: int) -> Happens:
    def happens(scene: Scene) -> None:
        for _ in range(times):
            before = scene.newt()
            scene.delete_newt()
            scene.newt_floods_again(after=before)

    return happens


def _drained(scene: Scene) -> None:
    """The agent does not come back: who runs stays as he is, and nobody else gets a network."""
    with _without(scene, AGENT):
        _newt_killed(1)(scene)
        scene.reaches_what_is_listed()
        scene.delete_newt()
        time.sleep(3 * AWAY)
        pods = scene.newt_pods()
        waits = [_waits_for(pod) for pod in pods]
        assert waits == ["ContainerCreating"], f"the new pod does not wait: {waits}"
        assert not any("podIP" in pod["status"] for pod in pods), "the new pod has an address"
        running = Programs(scene.cluster.node).running()
        assert not running, "newt runs without anybody who could cage it"
    scene.agent_is_back()
    scene.newt_floods_again()


def _waits_for(pod: Mapping[str, Any]) -> str:
    """The API's word for it."""
    containers = pod["status"].get("containerStatuses", [])
    reasons = [each["state"].get("waiting", {}).get("reason", "nothing") for each in containers]
    return ", ".join(reasons)


def _api_away(scene: Scene) -> None:
    """The agent starts and has nobody to ask what is allowed."""
    newt = scene.newt()
    with _without(scene, API_SERVER):
        scene.cluster.kill(AGENT)
        scene.cluster.start(AGENT)
        time.sleep(3 * AWAY)
    scene.node_is_well()
    assert scene.newt() == newt, "newt did not live through it"


def _taken_off(scene: Scene) -> Window:
    """The agent puts its program back when it is started again; returns when newt is a new one."""
    newt = scene.newt()
    interface = Programs(scene.cluster.node).interface(newt)
    opened = time.time()
    scene.cluster.node.run(["tc", "filter", "delete", "dev", interface, "ingress"])
    time.sleep(AWAY)
    scene.cluster.stop(AGENT)
    scene.cluster.start(AGENT)
    scene.agent_is_back()
    with scene.flooded() as flood:
        flood.goes_on()
    # The node's resets are remembered, so that newt's next packets pass for answers to them.
    reached = {target for target, count in flood.arrived.items() if count}
    assert reached == {THE_NODE}, f"with its program back Cilium lets through to {reached}"
    scene.delete_newt()
    scene.newt_floods_again(after=newt)
    return Window(opened, time.time())


FAULTS = (
    *(
        Fault(f"the allow-list changes, {count} targets", _changed(count, 4))
        for count in (10, 100, 500)
    ),
    Fault(f"the allow-list changes {IN_A_ROW} times in a row", _changed_in_a_row),
    Fault("newt's policy is deleted by hand", _deleted),
    Fault("Cilium's agent is restarted", _restarted(AGENT)),
    Fault("Cilium's agent is killed", _restarted(AGENT, killed=True)),
    Fault("Cilium's agent is killed while the list changes", _killed_in_a_change),
    Fault("the list changes while Cilium's agent is away", changed_while_away),
    Fault("Cilium's agent is killed while newt's pod starts", _killed_at_a_start),
    Fault("newt's container is killed", _newt_killed(KILLS)),
    Fault("newt's pod is deleted and replaced", newt_deleted(KILLS)),
    Fault("the node loses its enforcer, and a new newt waits until it is back", _drained),
    Fault("kubelet is restarted", _restarted(KUBELET)),
    Fault("containerd is restarted", _restarted(CONTAINERD)),
    Fault("the API is away while Cilium's agent starts", _api_away),
    Fault("Cilium's program is taken off newt's interface", _taken_off, TAKEN_OFF),
)
