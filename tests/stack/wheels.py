"""The packages of the README's first step, for a workstation without an uplink."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cache import cached
from tests.deployment import REPOSITORY

REQUIREMENTS = REPOSITORY / "policies" / "requirements.txt"


def wheels() -> Path:
    """The folder that pip on the workstation takes for the package index."""

    def download(into: Path) -> None:
        """the packages that the program is installed from, once"""
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        subprocess.run([*pip, "--dest", str(into), "-r", str(REQUIREMENTS)], check=True)

    inputs: list[Path | str] = [REQUIREMENTS, REPOSITORY / "requirements.txt", sys.version]
    return cached("wheels", inputs, download)
