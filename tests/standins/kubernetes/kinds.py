"""The kinds of objects: where they live on the API server, and which changes replace them.

A kind that is not `managed` can be looked up (`.get`), but not created: the official plugin has an
awaiter for it that the stand-in lacks.
"""

from dataclasses import dataclass

SELECTOR = (
    ".spec.selector",
    ".spec.selector.matchExpressions",
    ".spec.selector.matchExpressions.key",
    ".spec.selector.matchExpressions.operator",
    ".spec.selector.matchExpressions.values",
    ".spec.selector.matchLabels",
)
POD_FIELDS = (
    *("affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks"),
    *("hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets"),
    *("nodeName", "nodeSelector", "overhead", "preemptionPolicy", "priority", "priorityClassName"),
    *("readinessGates", "restartPolicy", "runtimeClassName", "schedulerName", "securityContext"),
    *("serviceAccount", "serviceAccountName", "shareProcessNamespace", "subdomain"),
    *("terminationGracePeriodSeconds", "volumes"),
)
CONTAINER_FIELDS = (
    *("args", "command", "env", "env.value", "image", "imagePullPolicy", "lifecycle"),
    *("livenessProbe", "ports", "readinessProbe", "resources", "securityContext", "stdin"),
    *("stdinOnce", "terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices"),
    *("volumeMounts", "workingDir"),
)


@dataclass(frozen=True)
class Kind:
    """One kind of the Kubernetes API."""

    group: str
    version: str
    name: str
    plural: str
    namespaced: bool = True
    managed: bool = True
    inputs: tuple[str, ...] = ("spec",)
    replaced_by: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """As the field `apiVersion` has it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def token(self) -> str:
        """Pulumi's type token."""
        return f"kubernetes:{self.group or 'core'}/{self.version}:{self.name}"

    def path(self, namespace: str, name: str = "") -> str:
        """The URL path of one object, or of all of them in a namespace."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{namespace or 'default'}" if self.namespaced else ""
        return f"{root}{inside}/{self.plural}" + (f"/{name}" if name else "")


JOB = Kind(
    *("batch", "v1", "Job", "jobs"),
    replaced_by=(".spec.completions", ".spec.parallelism", ".spec.template", *SELECTOR),
)
POD = Kind(
    *("", "v1", "Pod", "pods"),
    replaced_by=(
        *(f".spec.{field}" for field in POD_FIELDS),
        *(f".spec.containers[*].{field}" for field in CONTAINER_FIELDS),
        *(f".spec.initContainers[*].{field}" for field in CONTAINER_FIELDS),
    ),
)
PERSISTENT_VOLUME_CLAIM = Kind(
    *("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    replaced_by=(".spec.accessModes", ".spec.storageClassName", ".spec.volumeName", *SELECTOR),
)
SECRET = Kind(
    *("", "v1", "Secret", "secrets"),
    inputs=("data", "immutable", "stringData", "type"),
    replaced_by=(".type", ".stringData", ".data"),
)
NAMESPACE = Kind("", "v1", "Namespace", "namespaces", namespaced=False)
EVENT = Kind("", "v1", "Event", "events", managed=False)
STORAGE_CLASS = Kind(
    *("storage.k8s.io", "v1", "StorageClass", "storageclasses"),
    namespaced=False,
    managed=False,
    inputs=(
        *("allowVolumeExpansion", "allowedTopologies", "mountOptions", "parameters"),
        *("provisioner", "reclaimPolicy", "volumeBindingMode"),
    ),
)

KINDS = (
    NAMESPACE,
    SECRET,
    PERSISTENT_VOLUME_CLAIM,
    JOB,
    POD,
    STORAGE_CLASS,
    Kind(
        *("", "v1", "ConfigMap", "configmaps"),
        inputs=("binaryData", "data", "immutable"),
        replaced_by=(".binaryData", ".data"),
    ),
    Kind(
        *("", "v1", "ServiceAccount", "serviceaccounts"),
        inputs=("automountServiceAccountToken", "imagePullSecrets", "secrets"),
    ),
    Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    Kind("", "v1", "Service", "services", managed=False),
    Kind("", "v1", "Endpoints", "endpoints", managed=False, inputs=("subsets",)),
    Kind(
        *("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
        managed=False,
        inputs=("addressType", "endpoints", "ports"),
    ),
    Kind("", "v1", "Node", "nodes", namespaced=False, managed=False),
    Kind("apps", "v1", "Deployment", "deployments", managed=False),
)
