"""The programs of every node and their settings: what a Kubernetes distribution would choose.

Owns command lines and configuration files. When each is started is `cluster.py`; what differs
between the two forms of the cluster is `bridge.py` and `cilium.py`.
"""

import json
from pathlib import Path
from typing import Any

from ..topology import REGISTRY_ADDRESS, REGISTRY_PORT, RESOLVER_ADDRESS
from . import keys
from .layout import (
    API_PORT,
    CLUSTER_PODS,
    CLUSTER_SERVICES,
    DNS_DOMAIN,
    DNS_SERVICE,
    SANDBOX_IMAGE,
    Layout,
)

ETCD = "http://127.0.0.1:2379"
ETCD_PEERS = "http://127.0.0.1:2380"

CONTAINERD = """\
version = 2
root = "{folder}/containerd/root"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{settings}/registries"
"""
# What the node takes for Docker Hub.
REGISTRY = f"""\
[host."http://{REGISTRY_ADDRESS}:{REGISTRY_PORT}"]
  capabilities = ["pull", "resolve"]
"""


def commands(layout: Layout) -> dict[str, list[str]]:
    """Every program with its arguments, in the order in which they are started."""
    return {
        "etcd": _etcd(layout),
        "kube-apiserver": _api_server(layout),
        "containerd": ["containerd", f"--config={layout.settings}/containerd.toml"],
        "kube-controller-manager": _controllers(layout),
        "kube-scheduler": _scheduler(layout),
        "kubelet": _kubelet(layout),
        "kube-proxy": ["kube-proxy", f"--config={layout.settings}/kube-proxy.json"],
        "storage": _storage(layout),
    }


def write_settings(layout: Layout, plugins: Path) -> None:
    """The programs' configuration files; `plugins` is the folder of the CNI's."""
    containerd = CONTAINERD.format(
        folder=layout.folder,
        socket=layout.containerd_socket,
        cni=layout.cni,
        settings=layout.settings,
        sandbox=SANDBOX_IMAGE,
        plugins=plugins,
    )
    for name, content in {
        "containerd.toml": containerd,
        "registries/docker.io/hosts.toml": REGISTRY,
        "resolv.conf": f"nameserver {RESOLVER_ADDRESS}\n",
        "kubelet.json": json.dumps(_kubelet_settings(layout), indent=1),
        "kube-proxy.json": json.dumps(_proxy_settings(layout), indent=1),
    }.items():
        path = layout.settings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def _etcd(layout: Layout) -> list[str]:
    return [
        "etcd",
        f"--data-dir={layout.folder}/etcd",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        f"--listen-peer-urls={ETCD_PEERS}",
        "--unsafe-no-fsync",  # nothing in it outlives the node
        "--log-level=warn",
    ]


def _api_server(layout: Layout) -> list[str]:
    return [
        "kube-apiserver",
        f"--etcd-servers={ETCD}",
        f"--service-cluster-ip-range={','.join(CLUSTER_SERVICES)}",
        f"--advertise-address={layout.addresses[0]}",
        f"--secure-port={API_PORT}",
        f"--tls-cert-file={layout.keys}/kube-apiserver.pem",
        f"--tls-private-key-file={layout.keys}/kube-apiserver.key",
        f"--client-ca-file={layout.keys}/ca.pem",
        f"--token-auth-file={layout.tokens}",
        "--authorization-mode=Node,RBAC",
        f"--service-account-issuer=https://kubernetes.default.svc.{DNS_DOMAIN}",
        f"--service-account-key-file={layout.keys}/{keys.SERVICE_ACCOUNTS}",
        f"--service-account-signing-key-file={layout.keys}/{keys.SERVICE_ACCOUNTS}",
        f"--kubelet-client-certificate={layout.keys}/kubelet-client.pem",
        f"--kubelet-client-key={layout.keys}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
    ]


def _controllers(layout: Layout) -> list[str]:
    return [
        "kube-controller-manager",
        f"--kubeconfig={layout.kubeconfig_of('controllers')}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--service-account-private-key-file={layout.keys}/{keys.SERVICE_ACCOUNTS}",
        f"--root-ca-file={layout.keys}/ca.pem",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={','.join(CLUSTER_PODS)}",
        f"--service-cluster-ip-range={','.join(CLUSTER_SERVICES)}",
        f"--flex-volume-plugin-dir={layout.folder}/plugins",
    ]


def _scheduler(layout: Layout) -> list[str]:
    return [
        "kube-scheduler",
        f"--kubeconfig={layout.kubeconfig_of('scheduler')}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
    ]


def _kubelet(layout: Layout) -> list[str]:
    return [
        "kubelet",
        f"--config={layout.settings}/kubelet.json",
        f"--kubeconfig={layout.kubeconfig_of('kubelet')}",
        f"--hostname-override={layout.node}",
        f"--node-ip={','.join(layout.addresses)}",
        f"--root-dir={layout.folder}/kubelet",
    ]


def _kubelet_settings(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{layout.keys}/ca.pem"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{layout.keys}/kubelet.pem",
        "tlsPrivateKeyFile": f"{layout.keys}/kubelet.key",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": DNS_DOMAIN,
        "resolvConf": f"{layout.settings}/resolv.conf",
        "podLogsDir": f"{layout.folder}/pods",
        "volumePluginDir": f"{layout.folder}/plugins",
        # How full the real machine's disk is is not the node's affair.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
    }


def _proxy_settings(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(layout.kubeconfig_of("proxy"))},
        "mode": "iptables",
        "clusterCIDR": ",".join(CLUSTER_PODS),
        "hostnameOverride": layout.node,
        # Nought: the kernel's own settings of connection tracking are left alone.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }


def _storage(layout: Layout) -> list[str]:
    return [
        "storage",
        "start",
        f"--kubeconfig={layout.kubeconfig_of('storage')}",
        "--namespace=kube-system",
        "--service-account-name=default",
    ]
