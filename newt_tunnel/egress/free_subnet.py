"""A subnet for newt's own network that nothing on the host uses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from itertools import chain

#: Of newt's own network.
DEFAULT_SUBNET = IPv4Network("172.30.0.0/24")

#: Where to look, in this order. Docker's own pools are 172.17 to 172.31 and 192.168.
_POOLS = (IPv4Network("172.30.0.0/16"), IPv4Network("10.213.0.0/16"), IPv4Network("192.168.0.0/16"))


def free_subnet(taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """Return the default if it is free, else the first free one of its size; None if all are
    taken.
    """
    blocks = [block for block in taken if block.prefixlen]
    free = (one for one in _candidates() if not any(one.overlaps(block) for block in blocks))
    return next(free, None)


def _candidates() -> Iterator[IPv4Network]:
    size = DEFAULT_SUBNET.prefixlen
    return chain([DEFAULT_SUBNET], *(pool.subnets(new_prefix=size) for pool in _POOLS))
