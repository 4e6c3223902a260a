"""The policy pack, run by the real engine on resources written by hand, and without its packages.

The engine has no network: a preview of what does not exist yet asks no host and no cluster.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.prepare import prepare

pytestmark = pytest.mark.lab

PACK = Path(__file__).parents[2] / "policies"
SECRET = "canary-0815-4711"
PROJECT = "{name: by-hand, runtime: {name: python, options: {toolchain: pip}}}\n"
PROGRAM = f'''
import pulumi
import pulumi_command
import pulumi_docker
import pulumi_kubernetes

DECLARATION = """newt-egress
cat <<'END-OF-DECLARATION'
bridge=br-newt
newt=172.30.0.10
network=newt
END-OF-DECLARATION
"""

firewall = pulumi_command.remote.Command(
    "firewall",
    connection={{"host": "10.0.1.10", "user": "root"}},
    create="sh -s -- apply 0",
    stdin=DECLARATION,
)
for name, address in (("guarded", "10.0.1.10"), ("elsewhere", "10.0.1.11")):
    host = pulumi_docker.Provider(f"{{name}}-host", host=f"ssh://root@{{address}}:22")
    opts = pulumi.ResourceOptions(provider=host, depends_on=[firewall])
    pulumi_docker.Network(
        f"{{name}}-network",
        name="newt",
        driver="bridge",
        options={{"com.docker.network.bridge.name": "br-newt"}},
        opts=opts,
    )
    pulumi_docker.Container(
        f"{{name}}-container",
        name="newt",
        image="fosrl/newt:1.16.0",
        networks_advanced=[{{"name": "newt", "ipv4_address": "172.30.0.10"}}],
        opts=opts,
    )

clusters = {{
    name: pulumi_kubernetes.Provider(name, context=name, kubeconfig="{{}}")
    for name in ("one", "two")
}}
policy = pulumi_kubernetes.networking.v1.NetworkPolicy(
    "policy",
    metadata={{"namespace": "newt", "name": "policy"}},
    spec={{"podSelector": {{}}, "policyTypes": ["Egress"]}},
    opts=pulumi.ResourceOptions(provider=clusters["one"]),
)
POD = {{
    "restartPolicy": "Never",
    "containers": [{{"name": "app", "image": "app:1.0.0"}}],
    "initContainers": [{{"name": "tunnel", "image": "mirror:1.0.0", "command": ["tini", "newt"]}}],
}}
for name, cluster in (("confined", "one"), ("abroad", "two")):
    pulumi_kubernetes.batch.v1.Job(
        name,
        metadata={{"namespace": "newt", "name": name}},
        spec={{"template": {{"metadata": {{"labels": {{"app": "x"}}}}, "spec": POD}}}},
        opts=pulumi.ResourceOptions(provider=clusters[cluster], depends_on=[policy]),
    )
pulumi_kubernetes.core.v1.Secret(
    "secret",
    metadata={{"namespace": "newt", "name": "secret"}},
    string_data={{"NEWT_SECRET": pulumi.Output.secret("{SECRET}")}},
    opts=pulumi.ResourceOptions(provider=clusters["one"]),
)
pulumi_kubernetes.core.v1.ConfigMap(
    "config",
    metadata={{"namespace": "newt", "name": "config"}},
    data={{"harmless": "{SECRET}"}},
    opts=pulumi.ResourceOptions(provider=clusters["one"]),
)
'''


class Stack:
    """A project of its own, in an environment without a network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        state = folder / "state"
        state.mkdir()
        (folder / "Pulumi.yaml").write_text(PROJECT)
        (folder / "__main__.py").write_text(PROGRAM)
        self.environment = {
            **os.environ,
            **prepare("standin"),
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "passphrase",
        }
        done = self.run("stack", "init", "by-hand")
        assert done.returncode == 0, done.stdout

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        offline = 'ip link set lo up && exec "$@"'
        return subprocess.run(
            ["unshare", "--net", "sh", "-c", offline, "sh", "pulumi", *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )

    def preview(self, **variables: str) -> subprocess.CompletedProcess[str]:
        options = ("--color", "never", "--policy-pack", str(PACK))
        return self.run("preview", "--stack", "by-hand", *options, **variables)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return Stack(tmp_path_factory.mktemp("by-hand"))


def confined(printed: str) -> Iterator[str]:
    """The resources that the pack takes for unconfined."""
    for line in printed.splitlines():
        if "[mandatory]  newt-is-confined" in line:
            yield line.rpartition(": ")[2].removesuffix(")")


def test_a_cage_on_another_host_or_in_another_cluster_does_not_count(stack: Stack) -> None:
    done = stack.preview()
    assert done.returncode != 0
    assert sorted(confined(done.stdout)) == ["abroad", "elsewhere-container"], done.stdout
    assert "elsewhere-container: provider: ssh://root@10.0.1.11:22: firewall guards" in done.stdout
    assert "abroad: dependsOn: no NetworkPolicy for newt/app=x: " in done.stdout
    assert "confinement-is-known" not in done.stdout, "the engine tells all that decides"


def test_newts_secret_in_a_config_map_is_found_by_its_value(stack: Stack) -> None:
    policies = stack.preview().stdout.partition("Policies:")[2]
    assert "config: data.harmless: (not shown): " in policies
    assert SECRET not in policies


def test_where_the_packs_package_is_missing_the_preview_fails_and_says_what_to_run(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pulumi_policy'] = None\n")
    done = stack.preview(PYTHONPATH=str(tmp_path))
    assert done.returncode != 0
    assert "the package pulumi_policy is not installed" in done.stdout, done.stdout
    assert ".venv/bin/pip install -r policies/requirements.txt" in done.stdout
    assert "Traceback" not in done.stdout
