"""What Cilium makes of a policy where the API's promises end."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from newt_tunnel.egress.decide_connection import Answer, Connection, Peer, PeerPod
from newt_tunnel.egress.enforcers import with_cilium
from tests.unit.egress.cluster_cases import policy

POLICY = policy(
    """
    allow gitea gitea/app=gitea 3000/tcp
    allow lan 10.0.1.0/24 80-90/tcp
    allow one 10.42.0.9/32 all/any
    allow hashed wiki/pod-template-hash=68b9 443/tcp
    """
)
GITEA, WIKI = (
    PeerPod(namespace="gitea", labels=(("app", "gitea"),)),
    PeerPod(namespace="wiki", labels=(("pod-template-hash", "68b9"),)),
)


@pytest.mark.parametrize(
    ("address", "protocol", "port", "peer", "answer"),
    [
        ("10.42.0.4", "tcp", 3000, GITEA, Answer.ALLOWED),
        ("10.42.0.4", "tcp", 3001, GITEA, Answer.DENIED),
        ("10.0.1.50", "tcp", 80, None, Answer.ALLOWED),
        ("10.0.1.50", "tcp", 81, None, Answer.DENIED),  # a range is its first port
        ("10.0.1.40", "tcp", 80, Peer.OWN_NODE, Answer.DENIED),  # in no block
        ("10.42.0.9", "tcp", 80, WIKI, Answer.DENIED),  # nor is a pod
        ("10.42.0.9", "tcp", 443, WIKI, Answer.DENIED),  # by what is not of its identity
        ("10.0.1.50", "icmp", None, None, Answer.DENIED),
    ],
)
def test_cilium_drops_what_the_api_leaves_open(
    address: str, protocol: str, port: int | None, peer: PeerPod | Peer | None, answer: Answer
) -> None:
    connection = Connection(
        destination=ip_address(address), protocol=protocol, port=port, peer=peer
    )
    assert with_cilium(POLICY, connection).answer is answer
