"""The README alone: its quick start for a Docker host, typed as it is printed, until newt is gone.

After everything else of its share: the host must be without a stack.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import Lab
from tests.lab.topology import NAS_ADDRESS, PLACES, RESOLVER_ADDRESS
from tests.stack.observe import firewall_of, on_nas
from tests.stack.reader import Part, Reader

pytestmark = pytest.mark.lab

DOCKER = Part(heading="A Docker host", stack="nas", tool="ssh ", others="kubectl ")
USER = "admin"


def address(machine: str) -> str:
    return PLACES[machine].addresses[0].partition("/")[0]


def test_a_reader_of_the_readme_alone_deploys_verifies_and_removes_newt_on_a_docker_host(
    lab: Lab, engine: dict[str, str], tmp_path: Path
) -> None:
    reader = Reader(
        lab,
        engine,
        tmp_path,
        DOCKER,
        values={
            "10.0.1.53": RESOLVER_ADDRESS,
            "10.0.1.50": address("gitea"),
            "10.0.1.200": address("printer"),
            "homeassistant.lan": "homeassistant.lan",
            "10.0.1.1": "10.0.1.1",
            "10.0.1.60": address("postgres"),
            "10.0.1.10": NAS_ADDRESS,
            "admin": USER,
        },
        answers={r"Are you sure you want to continue connecting \(.*\)\?": "yes"},
    )
    with reader.terminal() as terminal:
        reader.follow(terminal)
    assert "newt_guard" not in firewall_of(lab)
    assert on_nas(lab, "docker ps -aq -f name=newt-tunnel; docker volume ls -q").strip() == ""
