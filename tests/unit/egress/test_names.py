"""Host names in rendered lines: placeholders that are repeated per address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from newt_tunnel.egress.model import Destination, HostName
from newt_tunnel.egress.placeholders import address_text, expand

RESOLUTION = {
    HostName("one.lan"): (IPv4Address("10.0.1.50"),),
    HostName("two.lan"): (IPv4Address("10.0.1.51"), IPv4Address("10.0.1.52")),
    HostName("silent.lan"): (),
}


@pytest.mark.parametrize(
    ("destination", "text"),
    [
        (IPv4Network("10.0.1.50/32"), "10.0.1.50"),
        (IPv4Network("10.0.1.0/24"), "10.0.1.0/24"),
        (IPv4Network("0.0.0.0/0"), "0.0.0.0/0"),
        (HostName("gitea.lan"), "@{gitea.lan}"),
    ],
)
def test_a_name_is_written_as_a_placeholder_and_an_address_as_itself(
    destination: Destination, text: str
) -> None:
    assert address_text(destination) == text


@pytest.mark.parametrize(
    ("line", "expanded"),
    [
        ("-d 10.0.1.1 -j RETURN", ["-d 10.0.1.1 -j RETURN"]),
        ("-d @{one.lan} -j RETURN", ["-d 10.0.1.50 -j RETURN"]),
        ("-d @{two.lan} -j RETURN", ["-d 10.0.1.51 -j RETURN", "-d 10.0.1.52 -j RETURN"]),
        ("-d @{silent.lan} -j RETURN", []),
        ("-d @{unknown.lan} -j RETURN", []),
        ("", [""]),
    ],
)
def test_a_line_is_repeated_per_address_of_the_name_in_it(line: str, expanded: list[str]) -> None:
    assert list(expand([line], RESOLUTION)) == expanded


def test_lines_keep_their_order() -> None:
    lines = ["first", "-d @{two.lan}", "-d @{one.lan}", "last"]
    assert list(expand(lines, RESOLUTION)) == [
        "first",
        "-d 10.0.1.51",
        "-d 10.0.1.52",
        "-d 10.0.1.50",
        "last",
    ]


def test_a_name_is_not_mistaken_for_a_longer_one() -> None:
    assert list(expand(["-d @{lan}", "-d @{one.lan.example}"], RESOLUTION)) == []
