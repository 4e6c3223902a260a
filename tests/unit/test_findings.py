"""The line that a finding is printed as."""

from __future__ import annotations

import pytest

from newt_tunnel.findings import Finding, drift, error, info, warning


@pytest.mark.parametrize(
    "key",
    ["egress[0].cidr", "blueprint.public-resources.gitea", "NetworkPolicy newt-tunnel-deny"],
)
def test_a_key_and_an_object_of_a_cluster_are_printed_as_they_are(key: str) -> None:
    assert str(warning(key, "is wide")) == f"{key}: is wide"


@pytest.mark.parametrize(
    ("key", "quoted"),
    [
        ("egress: all", '"egress: all"'),
        ("egress entry", '"egress entry"'),
        ("Secret \x1b[2J", '"Secret \\u001b[2J"'),
        ("Secret a\nb", '"Secret a\\nb"'),
    ],
)
def test_any_other_key_is_quoted_so_that_it_ends_where_it_seems_to(key: str, quoted: str) -> None:
    assert str(error(key, "unknown key")) == f"{quoted}: unknown key"


def test_a_value_comes_between_key_and_remedy() -> None:
    assert str(Finding("proof", "maybe", "write off")) == "proof: maybe: write off"


def test_each_level_has_its_own_name_and_the_same_line() -> None:
    made = [make("dns", "text") for make in (info, warning, drift, error)]
    assert [one.level.value for one in made] == ["info", "warning", "drift", "error"]
    assert {str(one) for one in made} == {"dns: text"}
    assert [one.is_warning for one in made] == [False, True, False, False]
