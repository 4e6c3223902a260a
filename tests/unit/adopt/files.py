"""Compose files of plain newts, and what `python -m newt_tunnel adopt` makes of them."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from newt_tunnel.settings.load import judge
from newt_tunnel.tools.adopt.command import main
from tests.unit.settings.example import HOST_KEY, PREFIX

CANARY = "canary7secret3of1newt"
ENDPOINT = "https://pangolin.example.com"
NEWT_ID = "2ix2t8xk22ubpfy"
ADDRESS = "10.0.1.10"
#: As the blog post has it.
POST = f"""
services:
  newt:
    image: fosrl/newt:latest
    container_name: newt-tunnel
    restart: unless-stopped
    cap_add: [NET_RAW]
    environment:
      PANGOLIN_ENDPOINT: {ENDPOINT}
      NEWT_ID: {NEWT_ID}
      NEWT_SECRET: {CANARY}
    volumes:
      - newt-config:/root/.config/newt-client
    networks:
      newt:
        ipv4_address: 172.30.0.10
networks:
  newt:
    ipam:
      config:
        - subnet: 172.30.0.0/24
volumes:
  newt-config:
"""


@dataclass
class Folder:
    """A folder with a compose file and what belongs to it."""

    path: Path

    def __post_init__(self) -> None:
        """No Compose, whatever the machine has."""
        self.program("docker", "exit 1")

    @property
    def project(self) -> str:
        """Compose's name for what is in the folder."""
        return re.sub(r"[^a-z0-9_-]", "", self.path.name.lower())

    def program(self, name: str, script: str) -> None:
        """Put a shell script into the path before everything else."""
        self.write(f"#!/bin/sh\n{script}\n", name)
        (self.path / name).chmod(0o755)

    def write(self, text: str, name: str = "compose.yaml") -> None:
        (self.path / name).write_text(text)

    def service(self, **keys: Any) -> None:
        """A compose file with one newt of these keys."""
        self.write(yaml.safe_dump({"services": {"newt": {"image": "fosrl/newt:1.15.0", **keys}}}))

    def run(
        self, *options: str, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The command, in this process."""
        words = [str(self.path / "compose.yaml"), *options]
        output, errors = io.StringIO(), io.StringIO()
        environment = {"PATH": f"{self.path}:{os.environ['PATH']}", **(variables or {})}
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
        ):
            status = main(words)
        return subprocess.CompletedProcess(words, status, output.getvalue(), errors.getvalue())

    def adopted(self, *options: str, variables: Mapping[str, str] | None = None) -> str:
        done = self.run(*options, variables=variables)
        assert done.returncode == 0, done.stderr
        assert CANARY not in done.stdout + done.stderr
        return done.stdout


def keys(text: str) -> dict[str, Any]:
    """The keys of a stack file, without their prefix."""
    config: dict[str, Any] = yaml.safe_load(text)["config"]
    return {key.removeprefix(PREFIX): value for key, value in config.items()}


def problems(text: str) -> list[str]:
    """What `settings` says of it once the host key is there, as the file asks."""
    tree = keys(text)
    tree["docker"] = {**(tree.get("docker") or {}), "hostKey": HOST_KEY}
    return [str(problem) for problem in judge(tree)[1]]


def uncommented(text: str, *, with_egress: bool = True) -> str:
    """With every suggestion taken up."""
    lines = []
    for line in text.splitlines():
        if line == f"  {PREFIX}egress: []" and with_egress:
            line = f"  {PREFIX}egress:"
        lines.append(re.sub(r"^  #  - ", "    - ", re.sub(rf"^  # ({PREFIX})", r"  \1", line)))
    return "\n".join(lines)
