"""Random policies and random packets, sent for real: the kernel's verdict is the model's.

Every packet is sent twice through each arrangement: once without rules, and what does not arrive
then (or whose past did not happen) is no evidence and not counted; then with the rules of a policy
in force. hypothesis draws both, from a seed that is printed; what disagrees is shrunk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from newt_tunnel.egress.cage import Cage, Firewall, Hook
from newt_tunnel.egress.decide_packet import Direction, Packet, PacketVerdict, decide
from newt_tunnel.egress.rules import Policy
from tests.attack.bench import PUBLISHED_PORT, Arrived, Bench
from tests.attack.shots import HOST_V6, NEWT_V6, Manner, Shot, Side
from tests.unit.egress.cases import CAGE
from tests.unit.egress.strategies import RESOLUTION, aimed_at, aimless, mostly, policies


@dataclass(frozen=True)
class Arrangement:
    """What a Docker host may enforce the policy with; ``tool`` is the program that loads it."""

    name: str
    tool: str
    cage: Cage


_DOCKER_USER = replace(CAGE, hook=Hook.DOCKER_USER)
ARRANGEMENTS = (
    Arrangement("iptables-nft", "iptables-nft", CAGE),
    Arrangement("iptables-legacy", "iptables-legacy", CAGE),
    Arrangement("docker-user, iptables-nft", "iptables-nft", _DOCKER_USER),
    Arrangement("docker-user, iptables-legacy", "iptables-legacy", _DOCKER_USER),
    Arrangement("nftables", "nft", replace(CAGE, firewall=Firewall.NFTABLES)),
)
#: Shots of one policy; each has a port of its own.
VOLLEY = 30
#: A volley gives two thirds of them at least: the others are blanks.
_PAIRS_OF_A_VOLLEY = 20

_PAST = (Manner.LATER, Manner.ANSWER)
_ERRORS = (Manner.ERROR, Manner.FOREIGN_ERROR, Manner.LATE_ERROR)
_MANNERS: Mapping[str, Sequence[Manner]] = {
    "tcp": tuple(Manner),
    "udp": (Manner.FRESH, *_PAST, *_ERRORS, Manner.NOTRACK),
    "icmp": (Manner.FRESH, *_PAST, Manner.NOTRACK),
    "gre": (Manner.FRESH, *_PAST, Manner.NOTRACK),
    "253": (Manner.FRESH, *_PAST, Manner.NOTRACK),
    "sctp": (Manner.FRESH, Manner.NOTRACK),
}
_IPV6 = tuple(IPv6Address(text) for text in ("2001:db8::10", "fd10:1::60", "ff02::1"))


@dataclass(frozen=True)
class Volley:
    """A policy and what is sent while it is in force; ``log_drops`` where the arrangement can."""

    policy: Policy
    shots: tuple[Shot, ...]
    log_drops: bool = False


@dataclass
class Tally:
    """What was compared: pairs of policy and packet per arrangement, and how many were let
    through; ``blanks`` showed nothing."""

    pairs: Counter[str] = field(default_factory=Counter)
    allowed: Counter[str] = field(default_factory=Counter)
    blanks: Counter[str] = field(default_factory=Counter)


class MismatchError(AssertionError):
    """The kernel and the model disagree."""


@st.composite
def volleys(draw: st.DrawFn) -> Volley:
    policy = _resolved(draw(policies()))
    aims = [aimed_at(entry) for entry in policy.allowed]
    aimed = st.one_of(aims) if aims else aimless()
    ipv4 = mostly(aimed, aimless()).flatmap(_shot_of)
    kinds = mostly(ipv4, ipv4 | _ipv6() | _published())
    # Many at once, because loading rules is what takes time.
    shots = draw(st.lists(kinds, min_size=VOLLEY - 6, max_size=VOLLEY))
    return Volley(policy, tuple(_told_apart(shots)), draw(st.booleans()))


def _resolved(policy: Policy) -> Policy:
    """Without names that nobody answers for: a host refuses to load them."""
    silent = [name for name, addresses in RESOLUTION.items() if not addresses]
    allowed = tuple(rule for rule in policy.allowed if rule.destination not in silent)
    return replace(policy, allowed=allowed)


def _shot_of(packet: Packet) -> st.SearchStrategy[Shot]:
    """A shot like the packet; what goes to newt comes from the address that newt would reach."""
    source, destination = packet.source, packet.destination
    if packet.direction is Direction.TO_NEWT and destination != CAGE.newt:
        source, destination = destination, CAGE.newt
    manners = _MANNERS[packet.protocol]
    if source == destination:
        # Whoever talks to itself has no direction that conntrack could tell.
        manners = (Manner.FRESH, Manner.NOTRACK)
    if (destination, packet.protocol, packet.port) == (CAGE.host, "tcp", PUBLISHED_PORT):
        # It is not the host that answers there, and nobody plays the container.
        manners = tuple(manner for manner in manners if manner is not Manner.LATER)
    return st.builds(
        Shot,
        st.just(packet.direction),
        st.just(source),
        st.just(destination),
        st.just(packet.protocol),
        st.just(packet.port),
        st.sampled_from(manners),
        mostly(st.just(False), st.booleans()),
    )


@st.composite
def _ipv6(draw: st.DrawFn) -> Shot:
    other = draw(st.sampled_from((HOST_V6, *_IPV6)))
    direction = draw(st.sampled_from(Direction))
    ends = (NEWT_V6, other) if direction is Direction.FROM_NEWT else (other, NEWT_V6)
    protocol = draw(st.sampled_from(("tcp", "udp", "ipv6-icmp")))
    return Shot(direction, *ends, protocol, draw(st.sampled_from((53, 443))))


def _published() -> st.SearchStrategy[Shot]:
    """A port of another container, at the Docker host's own address."""
    shot = Shot(Direction.FROM_NEWT, CAGE.newt, CAGE.host, "tcp", PUBLISHED_PORT)
    return st.sampled_from((shot, replace(shot, manner=Manner.NOTRACK)))


def _told_apart(shots: Sequence[Shot]) -> list[Shot]:
    """Without a second shot of what conntrack would take for the same connection."""
    seen = set()
    kept = []
    for shot in shots:
        key = shot.tuple_key
        if key is None or key not in seen:
            kept.append(shot)
        seen.add(key)
    return kept


class Trial:
    """Volleys on one bench."""

    def __init__(self, bench: Bench, arrangements: Sequence[Arrangement], tally: Tally) -> None:
        self._bench = bench
        self._arrangements = arrangements
        self.tally = tally

    def run(self, volley: Volley) -> None:
        """``MismatchError`` where an arrangement and the model differ."""
        for arrangement in self._arrangements:
            wrong = self._differs(volley, arrangement)
            if wrong is not None:
                raise MismatchError(self._told(arrangement, *self._shrunk(wrong, arrangement)))

    def _differs(self, volley: Volley, arrangement: Arrangement) -> Volley | None:
        """The same with the first shot alone on which the kernel and the model differ."""
        bench, tool = self._bench, arrangement.tool
        past = [sent for n, shot in enumerate(volley.shots) for sent in shot.past(CAGE, n)]
        shots = [sent for n, shot in enumerate(volley.shots) for sent in shot.sent(CAGE, n)]
        bench.forget()
        first = bench.send(past)
        free = bench.send(shots)
        bench.forget()
        again = bench.send(past)
        log_drops = volley.log_drops and arrangement.cage.hook is Hook.PREROUTING
        cage = replace(arrangement.cage, log_drops=log_drops)
        bench.load(volley.policy, cage, RESOLUTION, tool)
        try:
            caged = bench.send(shots)
        finally:
            bench.unload(tool)
        for n, shot in enumerate(volley.shots):
            happened = len(list(shot.past(CAGE, n)))
            lived = all(_times(arrived, "past", n) >= happened for arrived in (first, again))
            if not lived or not _arrived(free, shot, n):
                self.tally.blanks[arrangement.name] += 1
                continue
            allowed = _verdict(volley.policy, shot, arrangement).allowed
            if _arrived(caged, shot, n) is not allowed:
                return replace(volley, shots=(shot,))
            self.tally.pairs[arrangement.name] += 1
            self.tally.allowed[arrangement.name] += allowed
        return None

    def _shrunk(self, wrong: Volley, arrangement: Arrangement) -> tuple[Volley, bool]:
        """The simplest that still differs: fewer rules, a plainer packet. The flag is False where
        the shot does not differ alone, or not again."""
        again = self._differs(wrong, arrangement) is not None
        improved = again
        while improved:
            improved = False
            for simpler in _simpler(wrong):
                if self._differs(simpler, arrangement):
                    wrong, improved = simpler, True
                    break
        return wrong, again

    def _told(self, arrangement: Arrangement, wrong: Volley, again: bool) -> str:
        (shot,) = wrong.shots
        verdict = _verdict(wrong.policy, shot, arrangement)
        told = "lets pass" if verdict.allowed else "drops"
        alone = "" if again else "\nThis happened among other packets, and not when it was alone."
        return (
            f"{arrangement.name}: the model {told}, and the kernel does not,\n  {shot}\n"
            f"The model says: {verdict.reason}. The policy allows\n"
            f"{rules_text(wrong.policy)}{alone}"
        )


def _simpler(volley: Volley) -> Iterator[Volley]:
    (shot,) = volley.shots
    for fewer in with_a_rule_less(volley.policy):
        yield replace(volley, policy=fewer)
    if volley.log_drops:
        yield replace(volley, log_drops=False)
    if shot.fragmented:
        yield replace(volley, shots=(replace(shot, fragmented=False),))
    if shot.manner is not Manner.FRESH:
        yield replace(volley, shots=(replace(shot, manner=Manner.FRESH),))


def with_a_rule_less(policy: Policy) -> Iterator[Policy]:
    rules = policy.allowed
    for n in range(len(rules)):
        yield replace(policy, allowed=(*rules[:n], *rules[n + 1 :]))


def rules_text(policy: Policy) -> str:
    return "\n".join(f"  {rule}" for rule in policy.sorted_rules) or "  nothing"


def _verdict(policy: Policy, shot: Shot, arrangement: Arrangement) -> PacketVerdict:
    return decide(policy, arrangement.cage, shot.packet(CAGE, 0), RESOLUTION)


def _times(arrived: Arrived, kind: str, number: int) -> int:
    return sum(arrived[kind, number, side] for side in Side)


def _arrived(arrived: Arrived, shot: Shot, number: int) -> bool:
    """Errors of the host quote what they are about, so the way back does not count."""
    to_newt = shot.direction is Direction.TO_NEWT
    sides = (Side.NEWT,) if to_newt else (Side.HOST, Side.WORLD)
    return any(arrived["shot", number, side] for side in sides)


def compare(
    pairs: int,
    number: int,
    prefix: str,
    arrangements: Sequence[Arrangement] = ARRANGEMENTS,
    tally: Tally | None = None,
) -> Tally:
    """Tries ``pairs`` at least in each of the arrangements, drawn from the seed ``number``, and
    counts them in ``tally``.

    Raises ``MismatchError`` with the simplest example that still differs.
    """
    with Bench(prefix, CAGE) as bench:
        trial = Trial(bench, arrangements, Tally() if tally is None else tally)
        tried = trial.tally.pairs
        draws = 0
        while (least := min(tried[each.name] for each in arrangements)) < pairs:
            # Of the same seed the same would be drawn; whoever repeats the run repeats all draws.
            volleys_of_seed = f"{number}.{draws}"
            try:
                _fire(trial, volleys_of_seed, max(5, (pairs - least) // _PAIRS_OF_A_VOLLEY))
            except MismatchError as error:
                raise MismatchError(f"{error}\nThe seed was {number}.") from None
            draws += 1
        return trial.tally


def _fire(trial: Trial, drawn_from: str, count: int) -> None:
    @seed(drawn_from)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),  # what disagrees is shrunk here: see `_shrunk`
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(volleys())
    def every_verdict_is_the_same(volley: Volley) -> None:
        trial.run(volley)

    every_verdict_is_the_same()
