"""What somebody removed or changed in the cluster: told at preview, put back by the next update."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from newt_tunnel.egress.network_policy import RENDERED_ANNOTATION, deny_in_words, rendered
from tests.cluster.stack.guest import NAMESPACE, service_address
from tests.deployment import Deployment
from tests.lab.kubernetes.cluster import Cluster
from tests.stack.observe import wait_for_tunnel

pytestmark = pytest.mark.lab

HERE = f"--namespace={NAMESPACE}"
NEWT = "--selector=newt.instance=newt,!batch.kubernetes.io/job-name"
PATCH = ("patch", "networkpolicy", "newt-tunnel-netpol", HERE, "--type=json", "--patch")


def newts_pod(cluster: Cluster) -> str:
    return cluster.kubectl("get", "pods", HERE, NEWT, "--output=jsonpath={.items[*].metadata.name}")


def job(cluster: Cluster) -> str:
    return cluster.kubectl("get", "jobs", HERE, "--output=name")


def reaches(cluster: Cluster, address: str) -> bool:
    """Whether newt's own pod opens a connection there."""
    return cluster.opens(newts_pod(cluster), NAMESPACE, [address])[address]


def opened(cluster: Cluster, address: str) -> bool:
    """The same, with the moment that an enforcer takes."""
    for _ in range(15):
        if reaches(cluster, address):
            return True
        time.sleep(1)
    return False


def delete_all(cluster: Cluster) -> None:
    cluster.kubectl("delete", "networkpolicy", HERE, "--all")


def open_by_a_foreign_client(cluster: Cluster) -> None:
    """As no kubectl does it, whose fields Pulumi's plugin takes over by itself."""
    everything = json.dumps([{"op": "add", "path": "/spec/egress/-", "value": {}}])
    cluster.kubectl(*PATCH, everything, "--field-manager=intruder")


def forge(cluster: Cluster) -> None:
    """And the annotation that remembers what the policy was rendered with says the same."""
    open_by_a_foreign_client(cluster)
    found = cluster.kubectl("get", "networkpolicy", "newt-tunnel-netpol", HERE, "--output=json")
    spec = json.loads(found)["spec"]
    mark = rendered(spec)[RENDERED_ANNOTATION]
    cluster.kubectl(
        *("annotate", "networkpolicy", "newt-tunnel-netpol", HERE, "--overwrite"),
        f"{RENDERED_ANNOTATION}={mark}",
    )


@pytest.mark.parametrize("disturb", [delete_all, open_by_a_foreign_client, forge])
def test_a_cage_that_somebody_opened_is_told_and_the_next_update_closes_proves_and_rolls(
    on_cluster: Deployment, cluster: Cluster, disturb: Callable[[Cluster], None]
) -> None:
    deployed = on_cluster
    forbidden = f"{service_address(cluster, 'monitoring', 'grafana')}:3000"
    pod, proof = newts_pod(cluster), job(cluster)
    assert not reaches(cluster, forbidden)

    disturb(cluster)
    assert opened(cluster, forbidden), "otherwise this shows nothing"
    preview = deployed.preview()
    assert "error: NetworkPolicy newt-tunnel-netpol: is " in preview, preview
    assert "proves the cage anew and starts newt anew" in preview

    printed = deployed.up()
    assert "Traceback" not in printed
    assert not reaches(cluster, forbidden)
    assert newts_pod(cluster) != pod, "what was opened meanwhile ends with the pod that has it"
    assert job(cluster) != proof, "it is proved anew"
    wait_for_tunnel(deployed.lab)
    assert "newt-tunnel-netpol: is" not in deployed.preview("--expect-no-changes")


def test_a_deny_that_another_client_opened_is_shut_again(
    on_cluster: Deployment, cluster: Cluster
) -> None:
    everything = json.dumps([{"op": "add", "path": "/spec/egress", "value": [{}]}])
    deny = ("networkpolicy", "newt-tunnel-deny", HERE)
    cluster.kubectl(
        *("patch", *deny, "--type=json", "--patch", everything, "--field-manager=intruder")
    )
    assert "newt-tunnel-deny: is not as it was deployed" in on_cluster.preview()
    on_cluster.up()
    spec = json.loads(cluster.kubectl("get", *deny, "--output=json"))["spec"]
    assert spec == deny_in_words()
    on_cluster.preview("--expect-no-changes")


def test_what_newt_needs_is_put_back(on_cluster: Deployment, cluster: Cluster) -> None:
    secrets = cluster.kubectl("get", "secrets", HERE, "--output=name").split()
    (credentials,) = (one for one in secrets if "newt-credentials" in one)
    cluster.kubectl("delete", credentials, HERE)
    cluster.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce-")
    cluster.kubectl("delete", "serviceaccounts", "newt-newt-sa", HERE)
    preview = on_cluster.preview()
    assert "newt's credentials are missing" in preview, preview
    assert "pod-security.kubernetes.io/enforce is missing" in preview
    on_cluster.up()
    label = "--output=jsonpath={.metadata.labels['pod-security\\.kubernetes\\.io/enforce']}"
    assert cluster.kubectl("get", "namespace", NAMESPACE, label) == "restricted"
    cluster.kubectl("get", "serviceaccount", "newt-newt-sa", HERE)
    wait_for_tunnel(on_cluster.lab)
    on_cluster.preview("--expect-no-changes")


@pytest.mark.parametrize("options", [(), ("--refresh",)])
def test_a_newt_scaled_to_nothing_is_told_and_started(
    on_cluster: Deployment, cluster: Cluster, options: tuple[str, ...]
) -> None:
    cluster.kubectl("scale", "deployment", "newt-newt-newt", HERE, "--replicas=0")
    assert "is scaled to 0, so no newt runs" in on_cluster.preview()
    printed = on_cluster.up(*options)
    assert "Traceback" not in printed, printed
    wait_for_tunnel(on_cluster.lab)
    on_cluster.preview("--expect-no-changes")


def test_a_release_that_is_gone_is_one_sentence_and_comes_back_with_a_refresh(
    on_cluster: Deployment, cluster: Cluster
) -> None:
    cluster.helm("uninstall", "newt", HERE, "--wait")
    assert "Helm has no record of it" in on_cluster.preview()
    printed = on_cluster.up(check=False)
    assert "Helm's release newt is gone" in printed, printed
    assert "Traceback" not in printed
    on_cluster.up("--refresh")
    wait_for_tunnel(on_cluster.lab)
    on_cluster.preview("--expect-no-changes")
