"""Renders a policy for nftables: one table of our own, replaced whole in one ``nft -f``.

Exact targets go into a set, which costs the same at five and at five thousand. Blocks and port
ranges are rules, because nft refuses overlapping intervals in a concatenated set and an allow-list
may overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from newt_tunnel.egress.cage import REMEMBERED_DROPS, REMEMBERED_SECONDS, Cage, ServiceNetwork
from newt_tunnel.egress.model import EVERYWHERE, REPLIES_RULE, PortRange, Protocol
from newt_tunnel.egress.placeholders import NEWT, PORT, address_text
from newt_tunnel.egress.rules import Policy, Rule

_REPLIES = "ct state established,related ct direction reply"


def render(policy: Policy, cage: Cage) -> str:
    """Text for ``nft -f``. Host names stay as placeholders."""
    elements, rules = _split(policy.own_network_rules)
    services = cage.services
    table = cage.instance.table
    remembered = (Protocol.TCP.value, Protocol.UDP.value) if cage.log_drops else ()
    return "\n".join(
        (
            # Naming the table first makes `delete` succeed on a host that has none.
            f"table inet {table}",
            f"delete table inet {table}",
            f"table inet {table} {{",
            *_set_of("targets", elements),
            *(_service_sets(policy) if services else ()),
            *(line for protocol in remembered for line in _drop_set(protocol)),
            "\tchain prerouting {",
            "\t\ttype filter hook prerouting priority mangle; policy accept;",
            f'\t\tiifname "{cage.bridge}" jump egress',
            *([f'\t\tiifname "{services.bridge}" jump from_services'] if services else ()),
            "\t}",
            "\tchain postrouting {",
            "\t\ttype filter hook postrouting priority mangle; policy accept;",
            f'\t\toifname "{cage.bridge}" jump ingress',
            *([f'\t\toifname "{services.bridge}" jump to_services'] if services else ()),
            "\t}",
            "\tchain egress {",
            f"\t\tmeta nfproto ipv6 counter drop {_comment('no IPv6')}",
            f"\t\tip saddr != {cage.newt} counter drop {_comment('foreign source')}",
            *(("\t\tip daddr . meta l4proto . th dport @targets return",) if elements else ()),
            *rules,
            *(f"\t\tupdate @drops_{name} {{ ip daddr . {name} dport }}" for name in remembered),
            f"\t\tcounter reject with icmpx admin-prohibited {_comment('not listed')}",
            "\t}",
            "\tchain ingress {",
            f"\t\tmeta nfproto ipv6 counter drop {_comment('no IPv6')}",
            f"\t\t{_REPLIES} counter return {_comment(REPLIES_RULE)}",
            f"\t\tcounter drop {_comment('nothing may reach newt')}",
            "\t}",
            *(_service_chains(policy, services) if services else ()),
            "}",
            *(_bridge_table(policy, table, services) if services else ()),
            "",
        )
    )


def _service_sets(policy: Policy) -> Iterator[str]:
    """Yield the containers that newt may reach. A packet is judged twice, when it enters the bridge
    and when it leaves it, and counted once.
    """
    elements, _ = _split(policy.container_rules)
    yield from _set_of("services", elements)
    yield from _set_of("services_again", elements, counted=False)
    yield "\tset replying {"
    yield "\t\ttype ipv4_addr"
    yield "\t\telements = {"
    yield from (f"\t\t\t{address_text(key)}," for key in policy.container_keys)
    yield "\t\t}"
    yield "\t}"


def _service_chains(policy: Policy, services: ServiceNetwork) -> Iterator[str]:
    """Yield the rules of the second network, where frames between ports of the bridge pass them."""
    elements, ranges = _split(policy.container_rules)
    newt = services.newt
    for chain, targets in (("from_services", "services"), ("to_services", "services_again")):
        counts = chain == "from_services"
        yield f"\tchain {chain} {{"
        yield f"\t\tmeta nfproto ipv6 counter drop {_comment('services: no IPv6')}"
        yield (
            f"\t\tip saddr @replying ip daddr {newt} {_REPLIES} counter return "
            f"{_comment('services: replies')}"
        )
        yield f"\t\tip saddr != {newt} counter drop {_comment('services: not from newt')}"
        if elements:
            yield f"\t\tip daddr . meta l4proto . th dport @{targets} return"
        yield from ranges if counts else (line.replace(" counter ", " ") for line in ranges)
        # No reject: its message would come from the host, which newt hears of nothing there.
        yield f"\t\tcounter drop {_comment('services: not listed')}"
        yield "\t}"


def _bridge_table(policy: Policy, table: str, services: ServiceNetwork) -> Iterator[str]:
    """Yield the table that ties addresses to ports of the bridge, for frames between them: another
    container that gets or takes an address has another port. ARP is judged as well.
    """
    subnet, other = services.subnet, _comment("services: another's address")
    yield f"table bridge {table}"
    yield f"delete table bridge {table}"
    yield f"table bridge {table} {{"
    yield "\tset ports {"
    yield "\t\ttype ipv4_addr . ifname"
    yield "\t\telements = {"
    yield from (f'\t\t\t{address_text(key)} . "{PORT}",' for key in (NEWT, *policy.container_keys))
    yield "\t\t}"
    yield "\t}"
    yield "\tchain forward {"
    yield "\t\ttype filter hook forward priority filter; policy accept;"
    for address, port in (
        ("ip daddr", "oifname"),
        ("ip saddr", "iifname"),
        ("arp saddr ip", "iifname"),
        ("arp daddr ip", "oifname"),
    ):
        is_other = f"{address} {subnet} {address} . {port} != @ports"
        if address == "arp daddr ip":
            # A question goes to every port, and the answer comes from one.
            is_other = f"arp operation reply {is_other}"
        yield f"\t\t{is_other} counter drop {other}"
    yield "\t}"
    yield "}"


def _split(policy_rules: Iterable[Rule]) -> tuple[list[str], list[str]]:
    """Return exact targets as elements of a set, and the others as rules."""
    elements: list[str] = []
    rules: list[str] = []
    for rule in policy_rules:
        for ports in rule.ports or (None,):
            if _is_exact(rule, ports):
                elements.append(_element(rule, ports))
            else:
                rules.append(f"\t\t{_match(rule, ports)} counter return {_comment(rule.name)}")
    return elements, rules


def _is_exact(rule: Rule, ports: PortRange | None) -> bool:
    single_address = (
        not isinstance(rule.destination, IPv4Network) or rule.destination.prefixlen == 32
    )
    return single_address and ports is not None and ports.is_single


def _set_of(name: str, elements: list[str], *, counted: bool = True) -> tuple[str, ...]:
    if not elements:
        return ()
    return (
        f"\tset {name} {{",
        "\t\ttype ipv4_addr . inet_proto . inet_service",
        *(("\t\tcounter",) if counted else ()),
        "\t\telements = {",
        *elements,
        "\t\t}",
        "\t}",
    )


def _drop_set(protocol: str) -> tuple[str, ...]:
    """Return a set that refused packets fill; a full set ignores new entries."""
    return (
        f"\tset drops_{protocol} {{",
        "\t\ttype ipv4_addr . inet_service",
        f"\t\tsize {REMEMBERED_DROPS}",
        "\t\tflags dynamic,timeout",
        f"\t\ttimeout {REMEMBERED_SECONDS}s",
        "\t\tcounter",
        "\t}",
    )


def _element(rule: Rule, ports: PortRange | None) -> str:
    key = f"{address_text(rule.destination)} . {rule.protocol.value} . {ports}"
    return f"\t\t\t{key} {_comment(rule.name)},"


def _match(rule: Rule, ports: PortRange | None) -> str:
    parts = [] if rule.destination == EVERYWHERE else [f"ip daddr {address_text(rule.destination)}"]
    if rule.protocol is not Protocol.ANY:
        parts.append(f"{rule.protocol.value} dport {ports}")
    return " ".join(parts) or "meta nfproto ipv4"


def _comment(text: str) -> str:
    return f'comment "newt: {text}"'
