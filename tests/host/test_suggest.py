"""`make suggest`, from what a real host remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from newt_tunnel.tools.suggest.command import LISTED, main
from tests.host.rig import COMPLETE, GITEA, HOMEASSISTANT, NAS, POSTGRES, Host, declare, rule
from tests.unit.settings.example import stack

pytestmark = pytest.mark.lab

NAMED = rule("homeassistant", "homeassistant.lan", 8123)


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_suggest_reads_what_a_real_host_answers(
    host: Host, arrangement: str, tmp_path: Path
) -> None:
    host.apply(declare(NAMED, arrangement=arrangement, log_drops=True))
    host.create_network()
    host.start_newt()
    host.dial((POSTGRES, 5432), (GITEA, 22), (HOMEASSISTANT, 80), (NAS, 22))
    tree = stack({"docker.logDrops": True})
    config = {f"newt-tunnel:{key}": value for key, value in tree.items()}
    (tmp_path / "Pulumi.nas.yaml").write_text(yaml.safe_dump({"config": config}))
    (tmp_path / "Pulumi.yaml").write_text("name: newt-tunnel\n")
    said: list[str] = []

    status = main(["nas"], tmp_path, said.append, lambda _, command: host.sh(command))

    text = "\n".join(said)
    assert status == LISTED, text
    offered = {entry["name"]: (entry["host"], entry["port"]) for entry in yaml.safe_load(text)}
    assert offered == {
        "gitea-22": (GITEA, 22),
        "homeassistant.lan-80": ("homeassistant.lan", 80),
    }
    assert f"{POSTGRES} 5432/tcp: mustNotReach postgres" in text
    assert f"{NAS} 22/tcp: is the Docker host's own SSH" in text
