"""The lab's chart repository: the stand-in for newt's official chart, under the official's address.

In the lab `https://charts.fossorial.io` is this (with the lab's authority in `SSL_CERT_FILE`), and
so is `http://10.0.1.54`. The chart is in the lab's registry too, as an OCI artifact; and it can be
installed from where it is kept, the folder `chart/`.
"""

import gzip
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import yaml

from ..certificates import Authority
from ..images import CREATED, digest
from ..node import Node
from ..processes import Processes
from ..registry import Registry
from ..topology import CHARTS_ADDRESS, DOMAIN_CHARTS, REGISTRY_ADDRESS, REGISTRY_PORT

NAME = "charts"
CHART = Path(__file__).with_name("chart")
OCI_FOLDER = "charts"
OCI_CONFIG = "application/vnd.cncf.helm.config.v1+json"
OCI_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
WEB = Path(__file__).with_name("web.py")


class Charts:
    def __init__(self, folder: Path, node: Node, registry: Registry, processes: Processes) -> None:
        self._folder = folder
        self._node = node
        self._registry = registry
        self._processes = processes
        self.url = f"https://{DOMAIN_CHARTS}"
        self.plain_url = f"http://{CHARTS_ADDRESS}"
        self.oci = f"oci://{REGISTRY_ADDRESS}:{REGISTRY_PORT}/{OCI_FOLDER}/newt"  # over plain HTTP

    def prepare(self, authority: Authority) -> None:
        self._folder.mkdir(parents=True)
        self._certificate, self._key = authority.issue(DOMAIN_CHARTS)
        self.publish()

    def publish(self, folder: Path = CHART, **changed: str) -> None:
        """Adds the chart in `folder` to the repository, with e.g. another `version`."""
        chart = {**yaml.safe_load((folder / "Chart.yaml").read_text()), **changed}
        archive = _archive(folder, chart)
        name = f"{chart['name']}-{chart['version']}.tgz"
        (self._folder / name).write_bytes(archive)
        entry = {**chart, "urls": [name], "created": CREATED, "digest": digest(archive)}
        (self._folder / f"{name}.json").write_text(json.dumps(entry))
        self._write_index()
        config = (OCI_CONFIG, json.dumps(chart).encode())
        repository = f"{OCI_FOLDER}/{chart['name']}"
        self._registry.add_artifact(repository, chart["version"], config, (OCI_CHART, archive))

    def start(self) -> None:
        program = [sys.executable, "-I", "-S", str(WEB), str(self._folder), CHARTS_ADDRESS]
        keys = [str(self._certificate), str(self._key)]
        self._processes.start(NAME, self._node.argv([*program, *keys]))

    def stop(self) -> None:
        """Nobody answers there any more, until `start`."""
        self._processes.end(NAME)

    def _write_index(self) -> None:
        entries: dict[str, list[Any]] = {}
        for file in sorted(self._folder.glob("*.json")):
            entry = json.loads(file.read_text())
            entries.setdefault(entry["name"], []).append(entry)
        index = {"apiVersion": "v1", "generated": CREATED, "entries": entries}
        (self._folder / "index.yaml").write_text(json.dumps(index))


def _archive(folder: Path, chart: dict[str, Any]) -> bytes:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(folder).as_posix()
            data = json.dumps(chart).encode() if name == "Chart.yaml" else file.read_bytes()
            entry = tarfile.TarInfo(f"{chart['name']}/{name}")
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(tar.getvalue(), mtime=0)
