"""Settings whose values confine newt more or less, and what each direction means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from newt_tunnel.egress.cage import Hook
from newt_tunnel.settings.agent_table import AGENTS
from newt_tunnel.settings.docker import Persistence
from newt_tunnel.settings.kubernetes import Chart
from newt_tunnel.settings.newt import LogLevel
from newt_tunnel.settings.stack import AnySettings, KubernetesSettings, Proof, Settings


@dataclass(frozen=True, kw_only=True)
class Setting:
    """``read`` returns None if the key does not exist. ``weakness`` orders the values, 0 is the
    strongest; without it there is no order. ``may_swap``: a change among equally weak values is not
    reported.
    """

    key: str
    read: Callable[[AnySettings], object]
    weaker: str
    stronger: str = ""
    weakness: Callable[[object], int] | None = bool
    may_swap: bool = True


def _docker(read: Callable[[Settings], object]) -> Callable[[AnySettings], object]:
    return lambda settings: read(settings) if isinstance(settings, Settings) else None


def _cluster(read: Callable[[KubernetesSettings], object]) -> Callable[[AnySettings], object]:
    return lambda settings: read(settings) if isinstance(settings, KubernetesSettings) else None


def _image_source(settings: AnySettings) -> str:
    """Without tag and digest: a new version changes no reach."""
    image = settings.image.partition("@")[0]
    return image.rpartition(":")[0]


def _is_unpinned(image: object) -> int:
    return int("@" not in str(image))


def _chart(settings: KubernetesSettings) -> str:
    return f"{settings.kubernetes.chart.repository} {settings.kubernetes.chart.name}"


def _canary(settings: KubernetesSettings) -> str:
    return str(settings.kubernetes.gate_canary or "the DNS pods' metrics port")


_CHART = "kubernetes.chart"
_USUAL_IMAGES = [kind.image.rpartition(":")[0] for kind in AGENTS.values()]
_USUAL_CHART = f"{Chart().repository} {Chart().name}"

SETTINGS = (
    Setting(
        key="proof",
        read=lambda settings: settings.proof,
        weakness=lambda value: (Proof.ENFORCE, Proof.WARN, Proof.OFF).index(Proof(value)),
        weaker="a hole in the cage no longer fails an update; with `off` nothing is measured",
        stronger="a hole in the cage is reported, and with `enforce` fails the update",
    ),
    Setting(
        key="docker.hook",
        read=_docker(lambda settings: settings.docker.hook),
        weakness=lambda value: int(value is Hook.DOCKER_USER),
        weaker="the rules are in a chain that Docker moves and others can bypass",
        stronger="the rules are where Docker never moves them",
    ),
    Setting(
        key="docker.persistence",
        read=_docker(lambda settings: settings.docker.persistence),
        weakness=lambda value: int(value is Persistence.NONE),
        weaker="nothing repairs the rules, refreshes names, or loads them at boot",
        stronger="the rules are repaired, refreshed, and loaded at boot",
    ),
    Setting(
        key="newt.capabilities",
        read=_docker(lambda settings: settings.newt.capabilities),
        weakness=lambda value: len(value) if isinstance(value, tuple) else 0,
        weaker="newt keeps kernel capabilities that it works without",
        stronger="newt gives up kernel capabilities",
    ),
    Setting(
        key="newt.ssh",
        read=lambda settings: settings.newt.ssh,
        weaker="newt serves SSH itself",
        stronger="newt no longer serves SSH",
    ),
    Setting(
        key="newt.clients",
        read=lambda settings: settings.newt.clients,
        weaker="clients reach what newt reaches, through it",
        stronger="no client reaches anything through newt",
    ),
    Setting(
        key="newt.logLevel",
        read=lambda settings: settings.newt.log_level,
        weakness=lambda value: int(value is LogLevel.DEBUG),
        weaker="newt logs the token of its session, with which others can pose as this site",
        stronger="newt no longer logs the token of its session",
    ),
    Setting(
        key="agent.image",
        read=lambda settings: settings.image,
        weakness=_is_unpinned,
        weaker="the tag may be moved to another image; a digest may not",
        stronger="the digest names one image for good",
    ),
    Setting(
        key="agent.image",
        read=_image_source,
        weakness=lambda value: int(value not in _USUAL_IMAGES),
        may_swap=False,
        weaker="newt comes from another source",
        stronger="newt comes from its makers again",
    ),
    Setting(
        key=_CHART,
        read=_cluster(_chart),
        weakness=lambda value: int(value != _USUAL_CHART),
        may_swap=False,
        weaker="newt's chart comes from another source",
        stronger="the chart comes from newt's makers again",
    ),
    Setting(
        key="kubernetes.acceptNodeAccess",
        read=_cluster(lambda settings: settings.kubernetes.accept_node_access),
        weaker="newt is deployed although it reaches its own node or the Kubernetes API",
        stronger="newt is not deployed where it reaches its own node or the Kubernetes API",
    ),
    Setting(
        key="platform",
        read=lambda settings: settings.platform,
        weakness=None,
        weaker="newt runs on another platform",
    ),
    Setting(
        key="pangolin.endpoint",
        read=lambda settings: getattr(settings.pangolin, "endpoint", None),
        weakness=None,
        weaker="newt takes its orders from another server",
    ),
    Setting(
        key="docker.address",
        read=_docker(lambda settings: settings.docker.address),
        weakness=None,
        weaker="newt runs on another host",
    ),
    Setting(
        key="docker.hostKey",
        read=_docker(lambda settings: settings.docker.host_key),
        weakness=None,
        weaker="another key is accepted as the host's",
    ),
    Setting(
        key="kubernetes.context",
        read=_cluster(lambda settings: settings.kubernetes.context),
        weakness=None,
        weaker="newt runs in another cluster",
    ),
    Setting(
        key="kubernetes.namespace",
        read=_cluster(lambda settings: settings.kubernetes.namespace),
        weakness=None,
        weaker="newt runs in another namespace",
    ),
    Setting(
        key="kubernetes.gateCanary",
        read=_cluster(_canary),
        weakness=None,
        weaker="newt's gate waits for something else to be shut",
    ),
)

#: Keys of the stack file that a row above reads.
KEYS = {
    *(setting.key for setting in SETTINGS if setting.key != _CHART),
    *(f"{_CHART}.{key}" for key in ("repository", "name")),
    # The former name of agent.image.
    "newt.image",
}
