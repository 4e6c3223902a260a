"""A cluster's certificates, tokens and kubeconfigs, made anew each time it comes up."""

import base64
import json
import secrets
from pathlib import Path

from ..certificates import Authority
from ..commands import check
from .layout import API_SERVICE, CONTEXT, DNS_DOMAIN, Layout

MASTERS = "system:masters"
# name of the kubeconfig: (user, group)
USERS = {
    "admin": ("admin", MASTERS),
    "controllers": ("controllers", MASTERS),
    "enforcer": ("enforcer", MASTERS),
    "kubelet": ("system:node:{node}", "system:nodes"),
    "proxy": ("system:kube-proxy", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "storage": ("storage", MASTERS),
}
SERVICE_ACCOUNTS = "service-accounts.key"


def create(layout: Layout) -> None:
    layout.keys.mkdir(parents=True)
    authority = Authority(layout.keys)
    authority.create()
    own = [f"IP:{address}" for address in layout.addresses]
    service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    names = [f"DNS:{name}" for name in (*service, f"{service[-1]}.{DNS_DOMAIN}")]
    inside = [f"IP:{API_SERVICE}", "IP:127.0.0.1"]
    authority.issue("kube-apiserver", alternatives=[*names, *inside, *own])
    authority.issue("kubelet", alternatives=[f"DNS:{layout.node}", *own])
    # What the API server shows to the kubelet, for logs and exec.
    authority.issue("kubelet-client", subject=f"/O={MASTERS}/CN=kube-apiserver")
    curve = ["-name", "prime256v1", "-genkey", "-noout"]
    check(["openssl", "ecparam", *curve, "-out", str(layout.keys / SERVICE_ACCOUNTS)])
    lines = []
    for name, (user, group) in USERS.items():
        token = secrets.token_hex(16)
        user = user.format(node=layout.node)
        lines.append(f'{token},{user},{user},"{group}"\n')
        _write(layout.kubeconfig_of(name), _kubeconfig(layout, authority, name, token))
    _write(layout.tokens, "".join(lines))


def _kubeconfig(layout: Layout, authority: Authority, user: str, token: str) -> str:
    bundle = base64.b64encode(authority.certificate.read_bytes()).decode()
    cluster = {"server": layout.server, "certificate-authority-data": bundle}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CONTEXT, "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
            "current-context": CONTEXT,
        },
        indent=1,
    )


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
