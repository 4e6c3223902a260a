"""A plain newt in the cluster becomes this stack's, by import, and stays the same site."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml

from tests.deployment import Deployment
from tests.lab.kubernetes.cluster import Cluster
from tests.stack.observe import wait_for_tunnel

pytestmark = pytest.mark.lab

NAMESPACE = "newt-tunnel"
OWNER = "newt-tunnel/owner=newt-tunnel/k3s-home"
HERE = f"--namespace={NAMESPACE}"
#: As the blog post has it: its policy is called as ours is.
POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "newt-tunnel-netpol", "namespace": NAMESPACE},
    "spec": {
        "podSelector": {"matchLabels": {"newt.instance": "newt"}},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            {"to": [{"namespaceSelector": {}}]},
            {"to": [{"ipBlock": {"cidr": "203.0.113.10/32"}}]},
        ],
    },
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "newt-data", "namespace": NAMESPACE},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}},
}
VALUES = {
    "global": {"image": {"registry": "docker.io", "repository": "fosrl/newt", "tag": "1.16.0"}},
    "newtInstances": [
        {
            "name": "newt",
            "enabled": True,
            "auth": {"existingSecretName": "newt-credentials"},
            "service": {"enabled": False, "enabledWhenAcceptClients": False},
            "configPersistence": {
                "enabled": True,
                "type": "persistentVolumeClaim",
                "existingClaim": "newt-data",
            },
        }
    ],
}
IMPORTS = (
    ("kubernetes:core/v1:Namespace", "newt-tunnel-egress-namespace", NAMESPACE),
    (
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "newt-tunnel-egress-policy",
        f"{NAMESPACE}/newt-tunnel-netpol",
    ),
    ("kubernetes:helm.sh/v3:Release", "newt-tunnel-newt-release", f"{NAMESPACE}/newt"),
)


def plain_newt(made: Deployment, cluster: Cluster) -> None:
    """Namespace, secret, policy and release, as somebody made them by hand."""
    lab = made.lab
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "newt-credentials", "namespace": NAMESPACE},
        "stringData": {
            "PANGOLIN_ENDPOINT": "https://pangolin.example.com",
            "NEWT_ID": lab.pangolin.newt_id,
            "NEWT_SECRET": lab.pangolin.newt_secret,
        },
    }
    cluster.kubectl("create", "namespace", NAMESPACE)
    for one in (secret, POLICY, CLAIM):
        cluster.apply(json.dumps(one))
    values = made.workstation.home / "plain.yaml"
    values.write_text(yaml.safe_dump(VALUES))
    trust = ["--ca-file", str(lab.authority.certificate)]
    source = ["newt", "newt", "--repo", lab.charts.url, "--version", "1.5.0", *trust]
    cluster.helm("install", *source, HERE, f"--values={values}", "--wait")
    wait_for_tunnel(lab)


def uids(cluster: Cluster) -> dict[str, Any]:
    """Who is still the same object."""
    return {
        kind: cluster.kubectl("get", kind, name, HERE, "--output=jsonpath={.metadata.uid}")
        for kind, name in (
            ("namespace", NAMESPACE),
            ("networkpolicy", "newt-tunnel-netpol"),
            ("deployment", "newt-newt-newt"),
        )
    }


def test_a_plain_newt_is_imported_and_confined_and_stays_the_same_site(
    first_up_on_cluster: tuple[Deployment, str], cluster: Cluster
) -> None:
    made, _ = first_up_on_cluster
    made.destroy()
    plain_newt(made, cluster)
    before = uids(cluster)

    refused = made.up(check=False)
    assert f"annotate namespace {NAMESPACE} {OWNER}" in refused
    assert before == uids(cluster), "what is there was touched"

    # As docs/adopting.md says it.
    secret = cluster.kubectl(
        *("get", "secret", "newt-credentials", HERE, "--output=jsonpath={.data.NEWT_SECRET}")
    )
    made.set_secret("newtSecret", base64.b64decode(secret).decode())
    cluster.kubectl("annotate", "namespace", NAMESPACE, OWNER)
    cluster.kubectl("annotate", "networkpolicy", "newt-tunnel-netpol", HERE, OWNER)
    for kind, name, identity in IMPORTS:
        options = ("--protect=false", "--yes", "--generate-code=false")
        made.pulumi("import", kind, name, identity, *options)
    preview = made.preview()
    assert "to replace" not in preview, preview
    assert "to delete" not in preview, preview
    made.up()

    assert uids(cluster) == before
    wait_for_tunnel(made.lab)
    assert {row["name"]: row["verdict"] for row in made.outputs()["proof"]}["grafana"] == "blocked"
    made.preview("--expect-no-changes")
    history = json.loads(cluster.helm("history", "newt", HERE, "--output=json"))
    assert len(history) == 2, "the plain release was upgraded, and nothing installed beside it"
    # Nobody uses them any more.
    for kind, name in (("secret", "newt-credentials"), ("persistentvolumeclaim", "newt-data")):
        cluster.kubectl("delete", kind, name, HERE)
