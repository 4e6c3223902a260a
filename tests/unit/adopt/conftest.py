"""A folder for a compose file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.adopt.files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
