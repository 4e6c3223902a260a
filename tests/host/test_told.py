"""What ``newt-egress check`` tells the deploying side of newt itself."""

from __future__ import annotations

import pytest

from newt_tunnel.docker_host.credentials import kept_revision
from tests.host.rig import CONTAINER, Host, declare

pytestmark = pytest.mark.lab

DOCUMENT = '{"endpoint": "https://pangolin.example.com", "id": "a", "secret": "b"}'


def test_a_newt_that_does_not_run_is_told_with_dockers_word_for_it(host: Host) -> None:
    host.apply(declare())
    assert host.check()["newt"] == "absent"
    host.create_network()
    host.start_newt("--restart", "unless-stopped")
    assert "newt" not in host.check(), "there is nothing to tell"

    host.sh(f"docker pause {CONTAINER}")
    assert host.check()["newt"] == "paused"
    host.sh(f"docker unpause {CONTAINER} && docker stop {CONTAINER}")
    assert host.check()["newt"] == "exited"
    with host.stub("docker", 'exec $real --host unix:///nowhere.sock "$@"'):
        assert "newt" not in host.check(), "a Docker that does not answer has no word for it"


def test_the_revision_that_is_foreseen_is_the_one_that_is_printed(host: Host) -> None:
    host.apply(declare())

    def store(document: str) -> str:
        told = host.sh("newt-egress credentials file", stdin=document)
        return told.split()[-1]

    first = store(DOCUMENT)
    stored = host.check()["credentials"]
    assert DOCUMENT not in stored
    assert kept_revision(stored, DOCUMENT, own_file=True) == first == store(DOCUMENT)
    assert kept_revision(stored, DOCUMENT + " ", own_file=True) is None
    assert store(DOCUMENT + " ") != first

    host.sh("rm /var/lib/newt-egress/credentials/config.json")
    lost = host.check()["credentials"]
    assert kept_revision(lost, DOCUMENT + " ", own_file=True) is None
