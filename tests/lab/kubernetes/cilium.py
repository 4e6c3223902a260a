"""The enforcer of NetworkPolicies: Cilium's agent and operator as programs of the node.

They run beside the kubelet instead of in pods: the same programs, without their image.
"""

import json
import shutil
from pathlib import Path

from ..network import INTERFACE
from . import binaries
from .bridge import CNI_PLUGINS
from .layout import CLUSTER_PODS, Layout

CLANG = Path(__file__).with_name("clang.sh")
STATE = "/run/cilium"
#: What policies dropped and which connections they allowed, as Hubble tells it: JSON, a flow a
#: line.
FLOWS = f"{STATE}/flows.json"


def prepare(layout: Layout) -> Path:
    """Writes what Cilium needs; returns the folder of the CNI's plugins."""
    folder = _folder(layout)
    programs = folder / "bin"
    plugins = folder / "plugins"
    for made in (programs, plugins, layout.cni):
        made.mkdir(parents=True)
    (programs / "clang").symlink_to(CLANG)
    for plugin in CNI_PLUGINS.iterdir():
        (plugins / plugin.name).symlink_to(plugin)
    (plugins / "cilium-cni").symlink_to(binaries.cilium() / "cilium-cni")
    # The agent writes headers among the sources.
    shutil.copytree(binaries.cilium() / binaries.CILIUM_SOURCES, folder / "bpf")
    plugin_settings = {"type": "cilium-cni", "log-file": f"{STATE}/cni.log"}
    conflist = {"cniVersion": "0.3.1", "name": "cilium", "plugins": [plugin_settings]}
    (layout.cni / "05-cilium.conflist").write_text(json.dumps(conflist))
    return plugins


def commands(layout: Layout) -> dict[str, list[str]]:
    return {"cilium-operator": _operator(layout), "cilium-agent": _agent(layout)}


def path(layout: Layout) -> str:
    """Where these programs are, and what the agent runs."""
    return f"{_folder(layout) / 'bin'}:{binaries.cilium()}"


def environment(layout: Layout) -> dict[str, str]:
    return {"K8S_NODE_NAME": layout.node, "CILIUM_K8S_NAMESPACE": "kube-system"}


def _operator(layout: Layout) -> list[str]:
    return [
        "cilium-operator",
        f"--k8s-kubeconfig-path={layout.kubeconfig_of('enforcer')}",
        "--enable-ipv4",
        "--enable-ipv6",
        "--ipam=kubernetes",
        "--identity-allocation-mode=crd",
        "--operator-api-serve-addr=127.0.0.1:9234",
        "--enable-metrics=false",
    ]


def _agent(layout: Layout) -> list[str]:
    ipv4, ipv6 = CLUSTER_PODS
    return [
        "cilium-agent",
        f"--k8s-kubeconfig-path={layout.kubeconfig_of('enforcer')}",
        "--enable-ipv4=true",
        "--enable-ipv6=true",
        "--ipam=kubernetes",
        "--routing-mode=native",
        f"--ipv4-native-routing-cidr={ipv4}",
        f"--ipv6-native-routing-cidr={ipv6}",
        "--enable-ipv4-masquerade=true",
        "--enable-ipv6-masquerade=true",
        "--enable-bpf-masquerade=false",
        "--kube-proxy-replacement=false",
        f"--devices={INTERFACE}",
        f"--direct-routing-device={INTERFACE}",
        "--enable-l7-proxy=false",
        "--enable-hubble=true",
        "--hubble-listen-address=",  # its own socket, and no port
        "--hubble-disable-tls=true",
        f"--hubble-export-file-path={FLOWS}",
        # A list of JSON documents, as fields of CSV. The second are verdicts on connections.
        '--hubble-export-allowlist="{""verdict"":[""DROPPED""]}","{""event_type"":[{""type"":5}]}"',
        "--enable-health-checking=false",
        "--enable-endpoint-health-checking=false",
        "--enable-local-redirect-policy=false",
        "--identity-allocation-mode=crd",
        "--write-cni-conf-when-ready=",  # it is there from the beginning
        f"--lib-dir={_folder(layout)}",
        f"--state-dir={STATE}",
        f"--socket-path={STATE}/cilium.sock",
        f"--cgroup-root={STATE}/cgroupv2",
        "--bpf-root=/sys/fs/bpf",
    ]


def _folder(layout: Layout) -> Path:
    return layout.folder / "cilium"
