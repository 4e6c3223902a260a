"""A workstation on which `new` is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from newt_tunnel.tools.new.pulumi_stack import PASSPHRASE, PASSPHRASE_FILE
from tests.unit.new.workstation import Workstation


@pytest.fixture
def at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workstation:
    workstation = Workstation(tmp_path)
    monkeypatch.setenv("PATH", f"{workstation.programs}:/usr/local/bin:/usr/bin:/bin")
    monkeypatch.delenv(PASSPHRASE, raising=False)
    monkeypatch.delenv(PASSPHRASE_FILE, raising=False)
    monkeypatch.chdir(workstation.folder)
    return workstation
