"""Every attack on one arrangement, under every circumstance that may matter, and what broke."""

from __future__ import annotations

import contextlib
import enum
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from newt_tunnel.egress.limits import (
    AHEAD,
    BACKEND,
    ERRORS,
    NETWORKS,
    RELOAD,
    UNHOOKED,
    HostLimit,
    limits,
)
from tests.attack import hostile_pangolin, ingress, volume
from tests.attack.assault import (
    NET_RAW,
    NO_CAPABILITIES,
    attack_everything,
    connected_through,
    neighbourhood,
)
from tests.attack.attacks import (
    ATTACKS,
    ERROR_ABOUT_PANGOLIN,
    NEWT_V6,
    PEER_ATTACKS,
    PEER_CONTAINER,
    Attack,
)
from tests.attack.attacks import CONTAINER as AT_CONTAINER
from tests.attack.attacks import PEER as PEER_ADDRESS
from tests.attack.machines import choose_backend, docker_accepts
from tests.host import second_newt
from tests.host.rig import (
    CONTAINER,
    DOCKER_USER_JUMP,
    GITEA,
    NETWORK,
    PANGOLIN,
    POSTGRES,
    Host,
    declare,
    rule,
)
from tests.lab.registry import JELLYFIN as JELLYFIN_IMAGE

#: Both as root, which is more than the stack leaves newt: there it is nobody, without capabilities.
AS_DEPLOYED, WITHOUT_CAPABILITY = "as deployed, with NET_RAW", "without any capability"
#: Docker takes its jump away for a moment each time: until a packet got through, and no longer.
NETWORKS_CREATED = 8
FLOOD = "a flood of the LAN"
NOT_OFFERED = "docker.hook: docker-user"
REFUSED = "Operation not permitted"
FLOOD_SECONDS, FLOOD_PPS = "60", "4000"


class Verdict(enum.Enum):
    """What became of an attack."""

    HELD = "held"
    BROKEN = "BROKEN"
    LIMIT = "limit"
    UNEXPECTED = "HELD THOUGH LISTED"

    @property
    def counts(self) -> bool:
        """A known limit that breaks is shown, and not counted."""
        return self is not Verdict.LIMIT


@dataclass(frozen=True)
class Arrangement:
    """``rules`` as in `tests.host.rig.ARRANGEMENTS`; None: no cage, to know that attacks work."""

    name: str
    rules: str | None
    legacy: bool = False

    def __str__(self) -> str:
        return self.rules or "free"

    @property
    def limits(self) -> tuple[HostLimit, ...]:
        return limits(declare(arrangement=self.rules).cage) if self.rules else ()


FREE = Arrangement("no cage", None)
ARRANGEMENTS = (
    Arrangement("iptables-nft", "iptables"),
    Arrangement("nftables", "nftables"),
    Arrangement("docker-user, iptables-nft", "docker-user"),
    Arrangement("iptables-legacy", "iptables", legacy=True),
    Arrangement("docker-user, iptables-legacy", "docker-user", legacy=True),
)


@dataclass(frozen=True)
class Finding:
    """One attack on one arrangement; ``arrived`` was measured on the receiving side, ``refused`` is
    what newt heard: its own kernel did not let it send."""

    arrangement: str
    circumstance: str
    attack: str
    arrived: bool
    limit: HostLimit | None = None
    refused: bool = False

    @property
    def verdict(self) -> Verdict:
        if self.limit is None:
            return Verdict.BROKEN if self.arrived else Verdict.HELD
        return Verdict.LIMIT if self.arrived else Verdict.UNEXPECTED


@dataclass(frozen=True)
class Circumstance:
    """What else is the case while newt attacks; ``limit`` is the one that it shows."""

    name: str
    attacks: Sequence[Attack]
    setting: Callable[[Host], AbstractContextManager[object]]
    capabilities: str = NET_RAW
    limit: HostLimit | None = None


def _nothing(_: Host) -> AbstractContextManager[object]:
    return contextlib.nullcontext()


@contextlib.contextmanager
def _peer(host: Host) -> Iterator[None]:
    """Somebody puts a container on newt's network."""
    with host.bridged_unseen():
        host.sh(
            f"docker run --detach --name {PEER_CONTAINER} --network {NETWORK} "
            f"--ip {PEER_ADDRESS} {JELLYFIN_IMAGE}"
        )
        try:
            yield
        finally:
            host.sh(f"docker rm --force {PEER_CONTAINER}")


@contextlib.contextmanager
def _accepted_ahead(host: Host) -> Iterator[None]:
    host.sh("for chain in FORWARD INPUT; do iptables -I $chain 1 -j ACCEPT; done")
    try:
        with docker_accepts(host):
            yield
    finally:
        host.sh("for chain in FORWARD INPUT; do iptables -D $chain 1; done")


@contextlib.contextmanager
def reloaded(host: Host) -> Iterator[None]:
    """A firewall manager replaces the filter table by its own idea of it."""
    saved = host.sh("iptables-save -t filter")
    host.sh("iptables-restore", stdin="*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n")
    try:
        yield
    finally:
        host.sh("iptables-restore", stdin=saved)


@contextlib.contextmanager
def _unhooked(host: Host) -> Iterator[None]:
    """Docker's jump to DOCKER-USER is removed; engines before 28 make it again with a network."""
    jump = DOCKER_USER_JUMP
    host.sh(f"iptables -D {jump}; docker network create other && docker network rm other")
    try:
        yield
    finally:
        if not host.lab.docker_engine.nftables:
            host.sh(f"iptables -C {jump} || iptables -I {jump}")


@contextlib.contextmanager
def _dual_stack(host: Host) -> Iterator[None]:
    """newt's network has IPv6, too."""
    host.sh(f"docker rm --force {CONTAINER}; docker network rm {NETWORK}")
    host.create_network("--ipv6", "--subnet", "fd30::/64")
    host.start_newt("--ip6", NEWT_V6)
    yield


_SIMPLE = tuple(each for each in ATTACKS if each.name in ("a LAN service", "the host's web UI"))
_FORWARDED = _SIMPLE[:1]
_PUBLISHED = tuple(each for each in ATTACKS if each.shows == AT_CONTAINER)
_IPV6 = tuple(each for each in ATTACKS if "IPv6" in each.name or "link-local" in each.name)
CIRCUMSTANCES = (
    Circumstance(AS_DEPLOYED, ATTACKS, _nothing),
    Circumstance(WITHOUT_CAPABILITY, ATTACKS, _nothing, NO_CAPABILITIES),
    Circumstance("bridge-nf-call-iptables is 0", ATTACKS, Host.bridged_unseen),
    Circumstance("a container joins newt's network", PEER_ATTACKS, _peer),
    Circumstance("somebody accepts everything first", _SIMPLE, _accepted_ahead, limit=AHEAD),
    Circumstance("the filter table is replaced", _SIMPLE, reloaded, limit=RELOAD),
    Circumstance("Docker's jump is deleted", _FORWARDED, _unhooked, limit=UNHOOKED),
    Circumstance("newt's network has IPv6", _IPV6, _dual_stack),
)


#: Docker keeps its networks apart by itself here, unless somebody opens them.
WITHOUT_PROXY = Circumstance(
    "no docker-proxy, and somebody accepts everything first",
    _PUBLISHED,
    _accepted_ahead,
    limit=AHEAD,
)


def besiege(
    host: Host, arrangement: Arrangement, circumstances: Sequence[Circumstance] = CIRCUMSTANCES
) -> Iterator[Finding]:
    """Fires under each of the circumstances; the host is as before when it ends. For `FREE` a
    finding that did not arrive is a blank."""
    with newt_caged(host, arrangement), neighbourhood(host):
        for circumstance in circumstances:
            yield from _fired(host, arrangement, circumstance)


def besiege_otherwise(host: Host, arrangement: Arrangement) -> Iterator[Finding]:
    """What newt does not fire itself: a flood while Docker or the firewall's tools change,
    everybody else's attacks on newt, the real newt under a hostile server, what it leaves in its
    volume, and a newt that is held and replaced."""
    with newt_caged(host, arrangement):
        yield from _networks_created(host, arrangement)
        yield from _backend_changed(host, arrangement)
        yield from _second_newt(host, arrangement)
        yield from _ways_in(host, arrangement)
        yield from _pangolins_orders(host, arrangement)
        yield from _traps_in_the_volume(host, arrangement)
        yield from _errors_forged(host, arrangement)
        yield from _replaced_while_held(host, arrangement)


@contextlib.contextmanager
def newt_caged(host: Host, arrangement: Arrangement) -> Iterator[None]:
    try:
        if arrangement.rules:
            host.apply(declare(arrangement=arrangement.rules))
        host.create_network()
        host.start_newt()
        if arrangement.rules:
            host.egress("refresh")  # as the timer does: newt's bridge is new
        yield
    finally:
        host.reset()


def _fired(host: Host, arrangement: Arrangement, circumstance: Circumstance) -> Iterator[Finding]:
    limit = _known(host, arrangement, circumstance.limit)
    with circumstance.setting(host):
        outcome = attack_everything(host, circumstance.attacks, circumstance.capabilities)
    for attack in circumstance.attacks:
        yield Finding(
            arrangement.name,
            circumstance.name,
            attack.name,
            outcome.arrived(attack),
            limit,
            REFUSED in outcome.answers[attack.name],
        )


def _known(host: Host, arrangement: Arrangement, limit: HostLimit | None) -> HostLimit | None:
    """The limit, where it is one of the arrangement on the host's engine."""
    is_one = limit is not None and limit in arrangement.limits and host.has(limit)
    return limit if is_one else None


def refused(host: Host, arrangement: Arrangement) -> Finding:
    """The arrangement on an engine that has no place for it: what "arrives" is the refusal."""
    done = host.apply(declare(arrangement=str(arrangement.rules)), check=False)
    host.reset()
    said = done.returncode != 0 and "no chain DOCKER-USER" in done.stdout
    return Finding(arrangement.name, "it is deployed", NOT_OFFERED, said, BACKEND)


def _networks_created(host: Host, arrangement: Arrangement) -> Iterator[Finding]:
    arrived = False
    flood = ["flood", POSTGRES, "5432", FLOOD_SECONDS, FLOOD_PPS]
    for _ in range(NETWORKS_CREATED):
        with host.tapped() as wire, host.newt_meanwhile(*flood):
            time.sleep(0.2)  # it has begun
            host.sh("docker network create storm && docker network rm storm")
        arrived = wire.carried.get(POSTGRES, 0) > 0
        if arrived:
            break
    limit = _known(host, arrangement, NETWORKS)
    yield Finding(arrangement.name, "networks are created", FLOOD, arrived, limit)


def _backend_changed(host: Host, arrangement: Arrangement) -> Iterator[Finding]:
    """The rules are loaded by iptables-nft, then iptables is iptables-legacy; or the reverse."""
    was, other = ("legacy", "nft") if arrangement.legacy else ("nft", "legacy")
    flood = ["flood", POSTGRES, "5432", FLOOD_SECONDS, FLOOD_PPS]
    with host.tapped() as wire, host.newt_meanwhile(*flood):
        time.sleep(0.2)  # it has begun
        for backend in (other, was):
            choose_backend(host, backend)
            if arrangement.rules:
                # docker-user's place is in Docker's own backend alone: newt is cut off meanwhile.
                host.egress("refresh", check=False)
            time.sleep(0.2)
    arrived = wire.carried.get(POSTGRES, 0) > 0
    yield Finding(arrangement.name, "iptables changes its backend", "a flood of the LAN", arrived)


def _errors_forged(host: Host, arrangement: Arrangement) -> Iterator[Finding]:
    """All ports of Pangolin are allowed; newt forges errors about another's connection there."""
    if arrangement.rules:
        every_port = rule("pangolin", PANGOLIN, protocol="any")
        host.apply(declare(every_port, without="pangolin", arrangement=arrangement.rules))
    with connected_through(host) as facts:
        outcome = attack_everything(host, [ERROR_ABOUT_PANGOLIN], more_facts=facts)
    if arrangement.rules:
        host.apply(declare(arrangement=arrangement.rules))
    yield Finding(
        arrangement.name,
        "pangolin.ports: all",
        ERROR_ABOUT_PANGOLIN.name,
        outcome.arrived(ERROR_ABOUT_PANGOLIN),
        _known(host, arrangement, ERRORS),
    )


def _second_newt(host: Host, arrangement: Arrangement) -> Iterator[Finding]:
    """Another stack's newt, which may reach what this one may not, comes, changes and goes."""
    flood = ["flood", POSTGRES, "5432", "60", FLOOD_PPS]
    allowed = rule("postgres", POSTGRES, 5432)
    with host.tapped() as wire, host.newt_meanwhile(*flood):
        time.sleep(0.2)  # it has begun
        if arrangement.rules:
            with second_newt.beside(host, arrangement.rules, allowed):
                host.egress("refresh")
        time.sleep(0.2)
    arrived = wire.carried.get(POSTGRES, 0) > 0
    yield Finding(arrangement.name, "a second newt comes and goes", FLOOD, arrived)


def _replaced_while_held(host: Host, arrangement: Arrangement) -> Iterator[Finding]:
    """newt is held, and its container is made anew, as an update does it: the first thing that it
    would do is to reach a listed target."""
    if arrangement.rules:
        host.egress("hold")
    host.sh(f"docker rm --force {CONTAINER}")
    run = "create" if arrangement.rules else "run --detach"
    with host.tapped() as wire:
        host.start_flooding_newt(GITEA, port=3000, seconds=5, pps=100, run=run)
        if arrangement.rules:
            for command in ("refresh", "start", "boot"):
                host.egress(command)
            host.apply(declare(arrangement=arrangement.rules))
            host.prove("off", check=False)
        time.sleep(1)
    arrived = wire.carried.get(GITEA, 0) > 0
    yield Finding(arrangement.name, "newt is held", "a container that replaces it", arrived)


def _ways_in(host: Host, arrangement: Arrangement) -> Iterator[Finding]:
    with ingress.doors_open(host):
        led = ingress.ways_that_lead_in(host)
    for name, _, _ in ingress.WAYS:
        yield Finding(arrangement.name, "towards newt", f"{name}, to newt", name in led)


def _pangolins_orders(host: Host, arrangement: Arrangement) -> Iterator[Finding]:
    for attack, arrived in hostile_pangolin.orders(host):
        yield Finding(arrangement.name, "the real newt, by Pangolin's order", attack.name, arrived)


def _traps_in_the_volume(host: Host, arrangement: Arrangement) -> Iterator[Finding]:
    for trap, worked in volume.traps(host, caged=arrangement.rules is not None):
        yield Finding(arrangement.name, "newt's own volume", trap.name, worked)
