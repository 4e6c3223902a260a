"""The provider `kubernetes`: which cluster, and nothing else of what the official one takes."""

import json
import os
from typing import Any

from typing_extensions import override

from tests.standins.kubernetes import kubeconfig, schema
from tests.standins.kubernetes.cluster import Cluster, configured
from tests.standins.kubernetes.kinds import KINDS
from tests.standins.kubernetes.objects import ApiObject
from tests.standins.kubernetes.patching import PathDiff
from tests.standins.kubernetes.release import Release
from tests.standins.protocol import provider_pb2
from tests.standins.resource import CheckFailure, Diff, Failure, Resource
from tests.standins.server import Provider
from tests.standins.values import UNKNOWN, Properties, reveal

PLACE = ("kubeconfig", "context", "cluster")
CLIENT = "kubeClientSettings"
SUPPRESSED = ("suppressDeprecationWarnings", "suppressHelmHookWarnings")
TAKEN = (*PLACE, "namespace", CLIENT, *SUPPRESSED)
# What the SDK passes on from the environment, and the engine for itself.
PASSED_ALONG = ("version", "pluginDownloadURL")
DEFAULTS = {
    "enableServerSideApply": "true",
    "alwaysRender": "false",
    "deleteUnreachable": "false",
    "enableConfigMapMutable": "false",
    "enablePatchForce": "false",
    "enableSecretMutable": "false",
    "skipUpdateUnreachable": "false",
    "upsertExistingObjects": "false",
    "renderYamlToDirectory": "",
}


class Kubernetes(Provider):
    """The package `kubernetes`."""

    def __init__(self) -> None:
        resources: dict[str, Resource] = {
            kind.token: ApiObject(kind, self._configured) for kind in KINDS
        }
        resources[schema.RELEASE] = Release(self._configured)
        super().__init__("kubernetes", "4.29.0", resources)
        self._cluster: Cluster | None = None

    @override
    def check_config(self, news: Properties) -> tuple[Properties, list[CheckFailure]]:
        """Refuses what is not implemented."""
        failures = [
            CheckFailure(
                f"the stand-in for pulumi-kubernetes has no {name}={reveal(value)!r}", name
            )
            for name, value in news.items()
            if name not in TAKEN + PASSED_ALONG and reveal(value) != DEFAULTS.get(name)
        ]
        return news, failures

    @override
    def diff_config(self, old_inputs: Properties, news: Properties) -> Diff:
        """Another cluster replaces everything; anything else is an update of the provider."""
        old, new = ({k: reveal(v) for k, v in bag.items()} for bag in (old_inputs, news))
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        if not changed:
            return PathDiff(diffs=())
        unknown = [key for key in PLACE if new.get(key) is UNKNOWN]
        if unknown:
            first = (unknown[0],)
            return PathDiff(changed=True, diffs=first, replaces=first)
        before, after = _active_cluster(old), _active_cluster(new)
        moved = before is not None and after is not None and before != after
        return PathDiff(
            changed=True,
            diffs=tuple(changed),
            replaces=tuple(key for key in PLACE if moved and key in changed),
        )

    @override
    def configure(self, arguments: Properties) -> None:
        """Finds out whether there is a cluster, as the official plugin does at once."""
        text, context, name, namespace = (
            str(reveal(arguments.get(key)) or "") for key in (*PLACE, "namespace")
        )
        settings = json.loads(str(reveal(arguments.get(CLIENT)) or "{}"))
        timeout = settings.get("timeout") or os.environ.get("PULUMI_K8S_CLIENT_TIMEOUT")
        seconds = float(timeout) if timeout else None
        self._cluster = configured(text, context, name, namespace, seconds)

    @override
    def capabilities(self) -> provider_pb2.ConfigureResponse:
        """What the official plugin says of itself."""
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @override
    def schema(self) -> dict[str, Any] | None:
        """For `pulumi import`, which then writes the program's new lines."""
        return schema.schema(self.version)

    def _configured(self) -> Cluster:
        if self._cluster is None:
            raise Failure("the provider has not been configured")
        return self._cluster


def _active_cluster(inputs: Properties) -> dict[str, Any] | None:
    text = inputs.get("kubeconfig")
    if not isinstance(text, str) or not text:
        return None
    try:
        found = kubeconfig.given(text)
    except kubeconfig.KubeconfigError as error:
        raise Failure(f"failed to parse kubeconfig: {error}") from error
    return found.cluster(str(inputs.get("context") or ""), str(inputs.get("cluster") or ""))
