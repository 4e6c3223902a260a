"""What a preview says where two stacks would share something on one host."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network

import pytest

from newt_tunnel.docker_host.docker_names import DockerNames
from newt_tunnel.docker_host.others import Other, conflict
from newt_tunnel.docker_host.state import ForeignOwnerError, HostState, generation
from newt_tunnel.egress.instance import Instance
from tests.unit.egress.cases import declaration, golden

NAS = declaration(golden("nas"))
SITE = replace(NAS, owner="newt-tunnel/site", cage=replace(NAS.cage, instance=Instance("site")))
OTHER = "newt-tunnel/nas br-newt 172.30.0.0/24 newt newt-tunnel"


def test_everything_that_both_want_is_named_with_a_value_that_is_free() -> None:
    said = conflict(SITE, [Other.parse(OTHER)])
    assert said == (
        "has the newt of stack newt-tunnel/nas, and that of newt-tunnel/site cannot be beside it: "
        "both want container newt-tunnel, write docker.instance: site; docker.subnet "
        "172.30.0.0/24 overlaps with 172.30.0.0/24, write docker.subnet: 172.30.1.0/24"
    )


def test_a_stack_with_names_and_a_subnet_of_its_own_shares_nothing() -> None:
    cage = replace(SITE.cage, bridge="br-site", subnet=IPv4Network("172.30.1.0/24"))
    beside = replace(SITE, cage=cage, names=DockerNames.of("site"))
    assert conflict(beside, [Other.parse(OTHER)]) == ""
    bridge = replace(beside, cage=replace(cage, bridge="br-newt"))
    assert "docker.bridge br-newt is that of both" in conflict(bridge, [Other.parse(OTHER)])


def test_a_free_subnet_is_free_of_all_newts_of_the_host() -> None:
    third = OTHER.replace("0.0/24 newt newt-tunnel", "1.0/24 x x").replace("/nas", "/x")
    said = conflict(SITE, [Other.parse(OTHER), Other.parse(third)])
    assert said.endswith("write docker.subnet: 172.30.2.0/24")


def test_its_own_newt_is_no_other() -> None:
    assert conflict(NAS, [Other.parse(OTHER)]) == ""


def test_a_preview_of_a_host_with_such_a_newt_is_an_error() -> None:
    state = HostState.parse(f"other={OTHER} \nstate=absent\n")
    assert state.others == (Other.parse(OTHER),)
    with pytest.raises(ForeignOwnerError, match=r"write docker\.instance: site"):
        generation(state, SITE, datetime.now(UTC))


def test_an_answer_that_is_cut_short_is_not_believed() -> None:
    with pytest.raises(ValueError, match="not a newt of this host"):
        HostState.parse("other=newt-tunnel/nas br-newt\nstate=absent\n")
