"""What a preview hears of the blog post's script, on a host that has no program of ours yet."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from newt_tunnel.docker_host.payload import PROGRAM_PATH
from newt_tunnel.docker_host.state import HostState, check_command

pytestmark = pytest.mark.skipif(Path(PROGRAM_PATH).exists(), reason="this host has a cage")


def look(folder: Path, listing: str) -> HostState:
    for name, script in (("iptables", f"cat <<'END'\n{listing}\nEND"), ("nft", "cat >/dev/null")):
        tool = folder / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    command = ["sh", "-c", check_command("nas")]
    done = subprocess.run(command, env={"PATH": path}, check=True, capture_output=True, text=True)
    return HostState.parse(done.stdout)


def test_its_jump_is_told_with_the_address_that_it_confines(tmp_path: Path) -> None:
    state = look(
        tmp_path, "-N DOCKER-USER\n-A DOCKER-USER -s 172.30.0.10/32 -j NEWT-EGRESS\n-A DOCKER-USER"
    )
    assert state.state == "absent"
    assert "blog post's script confine 172.30.0.10/32" in state.former


def test_nothing_is_told_where_there_is_none(tmp_path: Path) -> None:
    for listing in ("-N DOCKER-USER\n-A DOCKER-USER -j RETURN", "", "-A X -j NEWT-EGRESS"):
        assert look(tmp_path, listing) == HostState(state="absent")
