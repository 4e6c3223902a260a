"""A small iptables: reads what ``egress.iptables`` renders and runs packets through it.

Knows the rendered subset only and refuses everything else, so that a new kind of rule must be
understood here before a property test can pass. Written from the manual pages iptables(8) and
iptables-extensions(8); shares no code with the renderer.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from tests.unit.egress.wire import Outcome, WirePacket

Match = Callable[[WirePacket], bool]

#: An option, and the modules of which one must have been named before it.
_MODULES_OF = {
    "--comment": {"comment"},
    "--dport": {"tcp", "udp"},
    "--physdev-in": {"physdev"},
    "--physdev-out": {"physdev"},
    "--ctstate": {"conntrack"},
    "--ctdir": {"conntrack"},
    "--ctorigdst": {"conntrack"},
    "--ctorigdstport": {"conntrack"},
    "--hashlimit-upto": {"hashlimit"},
    "--hashlimit-burst": {"hashlimit"},
    "--hashlimit-mode": {"hashlimit"},
    "--hashlimit-name": {"hashlimit"},
    "--hashlimit-htable-size": {"hashlimit"},
    "--hashlimit-htable-max": {"hashlimit"},
    "--hashlimit-htable-expire": {"hashlimit"},
    "--hashlimit-htable-gcinterval": {"hashlimit"},
}
_LONGEST_COMMENT = 255
_NO_COMMENT = "policy of the chain"
#: Of a rule that names no target: it counts, and the packet goes on.
_CONTINUE = "CONTINUE"
#: Kernels before 4.8 take no longer name for a table.
_LONGEST_TABLE_NAME = 15


class Machine:
    """The rules of one ``iptables-restore`` file, with the jumps that lead to them. ``full`` says
    whether the tables of hashlimit are.
    """

    def __init__(self, restore_file: str, jumps: Iterable[str], *, full: bool = False) -> None:
        self._chains: dict[str, list[_Rule]] = {}
        for line in _body(restore_file):
            if line.startswith(":"):
                name, policy, counters = line[1:].split()
                assert (policy, counters) == ("-", "[0:0]"), f"not a chain of our own: {line}"
                self._chains[name] = []
            else:
                append, chain, *options = shlex.split(line)
                assert append == "-A", f"edits a chain in an unknown way: {line}"
                self._chains[chain].append(_rule(options, full=full))
        own = set(self._chains)
        for jump in jumps:
            chain, *options = shlex.split(jump)
            assert chain not in own, f"a jump stands in a chain of somebody else: {jump}"
            self._chains.setdefault(chain, []).append(_rule(options))
        targets = {rule.target for rules in self._chains.values() for rule in rules}
        strange = targets - own - {"RETURN", "DROP", _CONTINUE}
        assert not strange, f"leads somewhere unknown: {strange}"

    def run(self, hook: str, packet: WirePacket) -> Outcome:
        """Send ``packet`` through the chain ``hook``, whose own policy is to accept."""
        outcome = Outcome(True, _NO_COMMENT)
        for rule in self._walk(hook, packet):
            outcome = Outcome(rule.target != "DROP", rule.comment)
        return outcome

    def _walk(self, chain: str, packet: WirePacket) -> Iterator[_Rule]:
        """Every rule that has its say, in order; a DROP is the last of all."""
        for rule in self._chains[chain]:
            if not rule.fits(packet) or rule.target == _CONTINUE:
                continue
            if rule.target not in self._chains:
                yield rule
                return
            for inner in self._walk(rule.target, packet):
                yield inner
                if inner.target == "DROP":
                    return


@dataclass
class _Rule:
    matches: list[Match] = field(default_factory=list)
    target: str = ""
    comment: str = _NO_COMMENT

    def fits(self, packet: WirePacket) -> bool:
        return all(match(packet) for match in self.matches)


@dataclass
class _Conntrack:
    """One ``-m conntrack``; None where an option is not given."""

    states: frozenset[str] | None = None
    reply: bool | None = None
    destination: IPv4Network | None = None
    ports: range | None = None

    def __call__(self, packet: WirePacket) -> bool:
        if self.states is not None and packet.state not in self.states:
            return False
        connection = packet.connection
        if connection is None:
            # As in the kernel: without a connection the state is all there is to match.
            return self.states is not None
        return (
            self.reply in (None, connection.reply)
            and (self.destination is None or connection.destination in self.destination)
            and (self.ports is None or connection.port in self.ports)
        )


def _body(restore_file: str) -> list[str]:
    first, *body, last = restore_file.splitlines()
    assert first in {"*mangle", "*filter"}, f"not a table: {first}"
    assert last == "COMMIT", "without COMMIT at the end nothing is loaded"
    assert restore_file.endswith("\n"), "the last line is not finished"
    return body


def _rule(options: list[str], *, full: bool = False) -> _Rule:
    rule = _Rule()
    modules: set[str] = set()
    protocol = ""
    conntrack = _Conntrack()
    words = iter(options)
    for word in words:
        negated = word == "!"
        option = next(words) if negated else word
        if option == "--physdev-is-bridged":
            assert "physdev" in modules, f"{option} stands before its module"
            rule.matches.append(lambda packet: bool(packet.in_port and packet.out_port))
            continue
        value = next(words)
        assert not negated or option in ("-s", "--physdev-in"), f"nobody negates {option}"
        needed = _MODULES_OF.get(option)
        assert not needed or needed & modules, f"{option} stands before its module"
        match option:
            case "-m":
                assert value not in {"tcp", "udp"} or value == protocol, f"-m {value} without -p"
                modules.add(value)
                rule.matches += [conntrack] if value == "conntrack" else []
            case "-p":
                protocol = value
                rule.matches.append(_is("protocol", value))
            case "-i":
                rule.matches.append(_is("in_interface", value))
            case "-o":
                rule.matches.append(_is("out_interface", value))
            case "--physdev-in":
                rule.matches.append(_is("in_port", value, negated=negated))
            case "--physdev-out":
                rule.matches.append(_is("out_port", value))
            case "-s":
                rule.matches.append(_within("source", IPv4Network(value), negated=negated))
            case "-d":
                rule.matches.append(_within("destination", IPv4Network(value)))
            case "--dport":
                rule.matches.append(_is_one_of("port", _ports(value)))
            case "--ctstate":
                conntrack.states = frozenset(value.split(","))
            case "--ctdir":
                conntrack.reply = {"REPLY": True, "ORIGINAL": False}[value]
            case "--ctorigdst":
                conntrack.destination = IPv4Network(value)
            case "--ctorigdstport":
                conntrack.ports = _ports(value)
            case "--hashlimit-name":
                assert len(value) <= _LONGEST_TABLE_NAME, f"older kernels refuse {value}"
            case _ if option in _MODULES_OF and option.startswith("--hashlimit-"):
                pass
            case "--comment":
                assert len(value) <= _LONGEST_COMMENT, f"iptables takes no such comment: {value}"
                rule.comment = value
            case "-j":
                rule.target = value
            case _:
                raise AssertionError(f"unknown option {option}")
    if not rule.target:
        # A full table drops the packet, whatever the rule would have done.
        rule.target = "DROP" if full and "hashlimit" in modules else _CONTINUE
    return rule


def _ports(text: str) -> range:
    first, _, last = text.partition(":")
    return range(int(first), int(last or first) + 1)


def _is(attribute: str, value: str, *, negated: bool = False) -> Match:
    return lambda packet: (getattr(packet, attribute) == value) is not negated


def _is_one_of(attribute: str, values: range) -> Match:
    return lambda packet: getattr(packet, attribute) in values


def _within(attribute: str, block: IPv4Network, *, negated: bool = False) -> Match:
    return lambda packet: (getattr(packet, attribute) in block) is not negated
