"""The report: each row says what newt may reach and which key of the stack file allows it."""

from __future__ import annotations

from newt_tunnel.egress.reach import report
from tests.unit.egress.cases import golden, policy


def test_the_report_lists_every_rule_in_the_order_of_rendering() -> None:
    rows = [
        (row.name, row.destination, row.port, row.protocol, row.origin)
        for row in report(golden("nas"))
    ]
    assert rows == [
        ("dns", "10.0.1.53", "53", "tcp", "dns"),
        ("dns", "10.0.1.53", "53", "udp", "dns"),
        ("gitea", "10.0.1.50", "3000", "tcp", "egress"),
        ("homeassistant", "homeassistant.lan", "8123", "tcp", "egress"),
        ("jellyfin", "10.0.1.10", "8096", "tcp", "egress"),
        ("pangolin", "203.0.113.10", "443", "tcp", "pangolin.ports"),
        ("pangolin", "203.0.113.10", "51820", "udp", "pangolin.ports"),
        ("printer", "10.0.1.200", "631", "tcp", "egress"),
    ]


def test_ports_and_blocks_read_as_a_user_writes_them() -> None:
    (row,) = report(policy("allow mixed 10.0.7.0/24 80,8000-8010/tcp"))
    assert (row.destination, row.port) == ("10.0.7.0/24", "80,8000-8010")
    (blanket,) = report(policy("allow pangolin 203.0.113.10 all/any"))
    assert (blanket.port, blanket.protocol) == ("all", "any")


def test_a_row_is_plain_text_for_a_stack_output() -> None:
    (row,) = report(policy("allow wiki wiki.lan 443/tcp"))
    assert row.as_dict() == {
        "name": "wiki",
        "destination": "wiki.lan",
        "port": "443",
        "protocol": "tcp",
        "origin": "egress",
    }


def test_moving_an_entry_in_its_list_does_not_change_the_report() -> None:
    lines = ["allow gitea 10.0.1.50 3000/tcp", "allow wiki 10.0.1.51 80/tcp"]
    moved = policy("\n".join(reversed(lines)))
    assert report(moved) == report(policy("\n".join(lines))), "an output would change for nothing"


def test_what_is_forbidden_is_not_in_the_report() -> None:
    assert report(policy("forbid router 10.0.1.1 80/tcp")) == ()
