"""The configured cluster: an API server that answered, or the reason why none can be reached.

The official plugin finds out when it is configured, in a preview too, and keeps the answer for the
rest of the run.
"""

import http
from dataclasses import dataclass, replace

from tests.standins.kubernetes import kubeconfig
from tests.standins.kubernetes.api import Api, ApiError
from tests.standins.kubernetes.kubeconfig import Kubeconfig, KubeconfigError
from tests.standins.resource import Failure

DEFAULT_NAMESPACE = "default"
#: The words of Kubernetes' own client, whatever the server said.
NO_CREDENTIALS = "the server has asked for the client to provide credentials"
SETUP = "https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/"


@dataclass(frozen=True)
class Cluster:
    """Where objects go."""

    namespace: str = DEFAULT_NAMESPACE
    configuration: Kubeconfig | None = None
    context: str = ""
    name: str = ""
    reached: Api | None = None
    reason: str = ""  # why it was not reached

    @property
    def api(self) -> Api:
        """The API server, where one was reached."""
        if self.reached is None:
            raise Failure(f"configured Kubernetes cluster is unreachable: {self.reason}")
        return self.reached


def configured(
    text: str, context: str, name: str, namespace: str, timeout: float | None
) -> Cluster:
    """Reads the configuration, asks the API server, and says what came of it."""
    cluster = Cluster(namespace=namespace or DEFAULT_NAMESPACE, context=context, name=name)
    try:
        configuration = kubeconfig.given(text) if text else kubeconfig.ambient()
    except KubeconfigError as error:
        reason = f"failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- {error}"
        return replace(cluster, reason=reason)
    cluster = replace(cluster, configuration=configuration)
    try:
        if not namespace:
            own = configuration.context(context).get("namespace")
            cluster = replace(cluster, namespace=own or DEFAULT_NAMESPACE)
        api = Api(configuration.access(context, name), timeout)
    except KubeconfigError as error:
        reason = (
            "unable to load Kubernetes client configuration from kubeconfig file. Make sure you "
            f"have: \n\n \t • set up the provider as per {SETUP} \n\n {error}"
        )
        return replace(cluster, reason=reason)
    return _asked(cluster, api)


def _asked(cluster: Cluster, api: Api) -> Cluster:
    """Two questions at most, as the plugin asks them: a silent server costs twice the time."""
    try:
        api.get("/version", timeout="32s")
    except ApiError:
        try:
            api.get("/openapi/v2", timeout="32s")
        except ApiError as error:
            denied = error.code == http.HTTPStatus.UNAUTHORIZED
            said = NO_CREDENTIALS if denied else error
            reason = f"unable to load schema information from the API server: {said}"
            return replace(cluster, reason=reason)
    return replace(cluster, reached=api)
