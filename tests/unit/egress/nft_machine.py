"""A small nftables: reads the table that ``egress.nftables`` renders and runs packets through it.

Knows the rendered subset only and refuses everything else, so that a new kind of statement must be
understood here before a property test can pass. Written from the manual page nft(8); shares no code
with the renderer.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from tests.unit.egress.wire import Outcome, WirePacket

Match = Callable[[WirePacket], bool]
_Key = tuple[IPv4Address | IPv6Address, str, int | None]
_Elements = dict[_Key, str]

_LONGEST_COMMENT = 128
_NO_COMMENT = "policy of the chain"
_BASE_CHAIN = re.compile(
    r"type filter hook (prerouting|postrouting) priority mangle; policy accept;"
)
_LOOKUP = "ip daddr . meta l4proto . th dport @"
_REPLYING = "ip saddr @replying "
_DROPS = {"drop", "reject"}
_UPDATE = re.compile(r"update @(\w+) { ip daddr \. (tcp|udp) dport }")


@dataclass
class _Rule:
    matches: list[Match] = field(default_factory=list)
    verdict: str = ""
    comment: str = ""
    elements: _Elements | None = None

    def fits(self, packet: WirePacket) -> bool:
        return all(match(packet) for match in self.matches)

    def comment_for(self, packet: WirePacket) -> str:
        """The comment of the element that matched, where the rule looks into a set."""
        return self.comment if self.elements is None else self.elements[_key(packet)]


class Machine:
    """The one table in a file for ``nft -f``."""

    def __init__(self, text: str) -> None:
        self._sets: dict[str, _Elements] = {}
        self._memories: set[str] = set()
        self._replying: set[IPv4Address | IPv6Address] = set()
        self._chains: dict[str, list[_Rule]] = {}
        self._hooks: dict[str, str] = {}
        lines = [line.strip() for line in text.splitlines()]
        opening, deletion, table, *body, closing = lines
        assert deletion == f"delete {opening}", "the old table must go in the same transaction"
        assert table == f"{opening} {{", "what is deleted is what is made anew"
        assert closing == "}", "the table is not closed"
        rest = iter(body)
        for line in rest:
            kind, name, brace = line.split()
            assert brace == "{", f"neither a set nor a chain: {line}"
            if kind == "set" and name.startswith("drops_"):
                _check_memory(rest)
                self._memories.add(name)
            elif kind == "set" and name == "replying":
                self._replying = _addresses(rest)
            elif kind == "set":
                self._sets[name] = _elements(rest)
            else:
                assert kind == "chain", f"neither a set nor a chain: {line}"
                self._chains[name] = [*self._chain(name, rest)]
        assert sorted(self._hooks) == ["postrouting", "prerouting"], "a hook is missing"

    def run(self, hook: str, packet: WirePacket) -> Outcome:
        """Send ``packet`` through the base chain at ``hook``, whose policy is to accept."""
        outcome = Outcome(True, _NO_COMMENT)
        for rule in self._walk(self._hooks[hook], packet):
            outcome = Outcome(rule.verdict not in _DROPS, rule.comment_for(packet))
        return outcome

    def _walk(self, chain: str, packet: WirePacket) -> Iterator[_Rule]:
        """Every rule that has its say, in order; a drop is the last of all."""
        for rule in self._chains[chain]:
            if not rule.fits(packet):
                continue
            if rule.verdict not in self._chains:
                yield rule
                return
            for inner in self._walk(rule.verdict, packet):
                yield inner
                if inner.verdict in _DROPS:
                    return

    def _chain(self, name: str, lines: Iterator[str]) -> Iterator[_Rule]:
        for line in lines:
            if line == "}":
                return
            base = _BASE_CHAIN.fullmatch(line)
            memory = _UPDATE.fullmatch(line)
            if base:
                self._hooks[base[1]] = name
            elif memory:
                # Full or not, the packet goes on.
                assert memory[1] in self._memories, f"no such set: {line}"
            else:
                yield self._rule(line)
        raise AssertionError(f"chain {name} is not closed")

    def _rule(self, line: str) -> _Rule:
        rule = _Rule()
        if line.startswith(_LOOKUP):
            name, *rest = line.removeprefix(_LOOKUP).split(" ", 1)
            elements = self._sets[name]
            rule.elements = elements
            rule.matches.append(lambda packet: _key(packet) in elements)
            line = rest[0]
        if line.startswith(_REPLYING):
            rule.matches.append(lambda packet: packet.source in self._replying)
            line = line.removeprefix(_REPLYING)
        words = shlex.split(line)
        while words:
            _statement(rule, words)
        assert rule.verdict, f"a rule without a verdict: {line}"
        return rule


def _statement(rule: _Rule, words: list[str]) -> None:
    """Move one statement from the front of ``words`` into ``rule``."""
    assert not rule.verdict or words[0] == "comment", f"behind a verdict: {words}"
    match words:
        case ["iifname", name, *rest]:
            rule.matches.append(lambda packet: packet.in_interface == name)
        case ["oifname", name, *rest]:
            rule.matches.append(lambda packet: packet.out_interface == name)
        case ["meta", "nfproto", ("ipv4" | "ipv6") as family, *rest]:
            rule.matches.append(lambda packet: _is_ipv4(packet) is (family == "ipv4"))
        case ["ip", "saddr", "!=", text, *rest]:
            address = IPv4Address(text)
            rule.matches.append(lambda packet: _is_ipv4(packet) and packet.source != address)
        case ["ip", "daddr", text, *rest]:
            block = IPv4Network(text)
            rule.matches.append(lambda packet: _is_ipv4(packet) and packet.destination in block)
        case [("tcp" | "udp") as protocol, "dport", text, *rest]:
            ports = _ports(text)
            rule.matches.append(lambda packet: packet.protocol == protocol and packet.port in ports)
        case ["ct", "state", states, *rest]:
            rule.matches.append(lambda packet: packet.state.lower() in states.split(","))
        case ["ct", "direction", "reply", *rest]:
            rule.matches.append(
                lambda packet: packet.connection is not None and packet.connection.reply
            )
        case ["counter", *rest]:
            pass
        case ["return", *rest]:
            rule.verdict = "return"
        case ["drop", *rest]:
            rule.verdict = "drop"
        case ["reject", "with", "icmpx", "admin-prohibited", *rest]:
            rule.verdict = "reject"
        case ["jump", chain, *rest]:
            rule.verdict = chain
        case ["comment", text, *rest]:
            rule.comment = _comment(text)
        case _:
            raise AssertionError(f"unknown statement: {' '.join(words)}")
    words[:] = rest


def _elements(lines: Iterator[str]) -> _Elements:
    header = [next(lines), next(lines)]
    if header[1] == "counter":
        header[1] = next(lines)
    assert header == [
        "type ipv4_addr . inet_proto . inet_service",
        "elements = {",
    ], f"another kind of set: {header}"
    elements: _Elements = {}
    for line in _until_brace(lines):
        assert line.endswith(","), f"elements are separated by commas: {line}"
        address, dot, protocol, dot_, port, comment, text = shlex.split(line[:-1])
        assert (dot, dot_, comment) == (".", ".", "comment"), f"not an element: {line}"
        # The host keeps the first of two elements with one key.
        elements.setdefault((IPv4Address(address), protocol, int(port)), _comment(text))
    assert [*_until_brace(lines)] == [], "something stands behind the elements"
    return elements


def _addresses(lines: Iterator[str]) -> set[IPv4Address | IPv6Address]:
    assert [next(lines), next(lines)] == ["type ipv4_addr", "elements = {"]
    found: set[IPv4Address | IPv6Address] = {
        IPv4Address(line.removesuffix(",")) for line in _until_brace(lines)
    }
    assert [*_until_brace(lines)] == [], "something stands behind the elements"
    return found


def _check_memory(lines: Iterator[str]) -> None:
    """A set that packets fill: bounded in size and time, or newt could fill the host's memory."""
    shape = [*_until_brace(lines)]
    assert [line.split()[0] for line in shape] == ["type", "size", "flags", "timeout", "counter"], (
        f"another kind of set: {shape}"
    )


def _until_brace(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if line == "}":
            return
        yield line
    raise AssertionError("a brace is not closed")


def _key(packet: WirePacket) -> _Key:
    return (packet.destination, packet.protocol, packet.port)


def _ports(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _is_ipv4(packet: WirePacket) -> bool:
    return isinstance(packet.source, IPv4Address)


def _comment(text: str) -> str:
    assert len(text) <= _LONGEST_COMMENT, f"nft takes no such comment: {text}"
    return text
