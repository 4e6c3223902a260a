"""The name of each newt of a host, and the kernel's limits for what is called after it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.egress.instance import LONGEST, SHAPE, Instance

#: Names of chains in iptables, interfaces, and the memory of hashlimit in kernels before 4.8.
CHAIN, HASHLIMIT = 28, 15


def test_a_stack_lends_its_name_where_the_name_has_the_shape() -> None:
    assert Instance.of(None, "nas") == Instance("nas")
    assert Instance.of("home", "nas") == Instance("home"), "what is written counts"


def test_other_names_of_stacks_become_a_short_one_with_a_hash() -> None:
    assert re.fullmatch(r"k3s-home-[0-9a-f]{6}", Instance.of(None, "K3S_Home").name)
    assert re.fullmatch(r"nd-site-[0-9a-f]{6}", Instance.of(None, "2nd.site").name)
    assert re.fullmatch(r"newt-[0-9a-f]{6}", Instance.of(None, "2026").name)


def test_stacks_whose_names_begin_alike_stay_apart() -> None:
    names = {Instance.of(None, f"the-nas-in-the-cellar-{n}").name for n in range(100)}
    assert len(names) == 100


@given(st.text(min_size=1))
def test_whatever_a_stack_is_called_its_names_fit_into_the_kernel(stack: str) -> None:
    instance = Instance.of(None, stack)
    assert re.fullmatch(SHAPE, instance.name)
    assert len(Instance("x" * LONGEST).ingress_chain) == CHAIN
    assert len(instance.ingress_chain) <= CHAIN
    assert len(f"{instance.refused}-tcp") <= HASHLIMIT
