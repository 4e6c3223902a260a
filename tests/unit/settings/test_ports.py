"""Ports, ranges and names of short entries, for all values that there are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from newt_tunnel.egress.model import PortRange
from newt_tunnel.settings.entries import expand
from newt_tunnel.settings.ports import port_range, ports, protocol_ports

PORT = st.integers(min_value=1, max_value=65535)
RANGE = st.tuples(PORT, PORT).map(lambda pair: PortRange(min(pair), max(pair)))
HOST = st.sampled_from(["nas.lan", "10.0.1.5", "dns", "pangolin", "x" * 80, "$(x)", "-"])
SHORT = st.builds(
    lambda host, port, protocol: f"{host}:{port}:{protocol}",
    HOST,
    st.integers(1, 5) | st.text(alphabet="0a;- ", max_size=4),
    st.sampled_from(["tcp", "UDP", "icmp"]),
)


@given(RANGE)
def test_a_printed_range_reads_as_the_same_range(found: PortRange) -> None:
    assert port_range(str(found)) == found


@given(PORT, st.sampled_from(["tcp", "UDP"]))
def test_a_printed_service_reads_as_the_same_service(port: int, protocol: str) -> None:
    found = protocol_ports(f"{port}/{protocol}")
    assert protocol_ports(str(found)) == found


@given(st.integers().filter(lambda number: not 1 <= number <= 65535))
def test_a_number_that_is_no_port_is_refused_as_number_and_as_text(number: int) -> None:
    for written in (number, str(number)):
        with pytest.raises(PydanticCustomError):
            port_range(written)


@given(st.lists(PORT, min_size=1, max_size=20, unique=True))
def test_a_list_of_ports_is_sorted_and_complete(numbers: list[int]) -> None:
    assert [found.first for found in ports(numbers)] == sorted(numbers)


@given(st.lists(SHORT, max_size=8), st.lists(SHORT, max_size=4))
def test_names_of_short_entries_are_valid_and_unique(egress: list[str], others: list[str]) -> None:
    expanded = [item for items in expand(egress, others) for item in _list(items)]
    names = [item["name"] for item in expanded if isinstance(item, dict)]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name)
        assert name not in ("dns", "pangolin")


def _list(items: object) -> list[object]:
    assert isinstance(items, list)
    return items
