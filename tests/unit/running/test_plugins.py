"""Which provider plugins each stack needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.versions import PLUGINS_OF

TUNNELS = {"nas": "docker_tunnel", "k3s-home": "kubernetes_tunnel"}


@pytest.mark.parametrize("stack", TUNNELS)
def test_a_stack_uses_the_plugins_that_its_components_import(stack: str) -> None:
    script = (
        f"import components.{TUNNELS[stack]}, sys; "
        "print(*(m for m in sys.modules if m.startswith('pulumi_') and '.' not in m))"
    )
    imported = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {f"pulumi_{plugin}" for plugin in PLUGINS_OF[stack]} == set(imported)
