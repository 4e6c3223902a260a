"""What a Release may say, and what Helm is told of it.

Owns the fields with their defaults, which are refused, and the command line that they make.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.standins.kubernetes import helm, shape
from tests.standins.kubernetes.api import Object
from tests.standins.kubernetes.helm import HelmError
from tests.standins.resource import Failure
from tests.standins.values import UNKNOWN, Properties

DEFAULT_SECONDS = 300
COMPUTED = ("resourceNames", "status")
TEXTS = ("chart", "description", "keyring", "name", "namespace", "postrender", "version")
# Each switch with what it is to `helm install` and to `helm upgrade`.
SWITCHES: dict[str, tuple[str | None, str | None]] = {
    "allowNullValues": (None, None),
    "atomic": ("--atomic", "--atomic"),
    "cleanupOnFail": (None, "--cleanup-on-fail"),
    "createNamespace": ("--create-namespace", None),
    "dependencyUpdate": (None, None),
    "devel": (None, None),
    "disableCRDHooks": (None, "--no-hooks"),
    "disableOpenapiValidation": ("--disable-openapi-validation", None),
    "disableWebhooks": ("--no-hooks", None),
    "forceUpdate": (None, "--force"),
    "lint": (None, None),
    "recreatePods": (None, None),
    "renderSubchartNotes": ("--render-subchart-notes", "--render-subchart-notes"),
    "replace": (None, None),
    "resetValues": (None, "--reset-values"),
    "reuseValues": (None, "--reuse-values"),
    "skipAwait": (None, None),
    "skipCrds": ("--skip-crds", None),
    "verify": (None, None),
    "waitForJobs": (None, None),
}
REFUSED = (
    *("allowNullValues", "dependencyUpdate", "devel", "keyring", "lint", "postrender"),
    *("recreatePods", "replace", "valueYamlFiles", "verify"),
)
REPOSITORY = ("caFile", "certFile", "keyFile", "password", "repo", "username")
REPOSITORY_FLAGS = {"caFile": "--ca-file", "certFile": "--cert-file", "keyFile": "--key-file"}


def decoded(properties: Properties) -> Object:
    """Every field of a release, without secret marks; what is unknown or null is left out."""
    given = shape.plain(properties)
    known = {key: value for key, value in given.items() if value is not UNKNOWN}
    release: Object = dict.fromkeys(TEXTS, "")
    release.update(dict.fromkeys(SWITCHES, False))
    release["timeout"] = 0
    kept = (*release, "maxHistory", *COMPUTED)
    release.update({key: known[key] for key in kept if key in known})
    release["values"] = without_nulls(known.get("values", {}))
    if "repositoryOpts" in known:
        options = known["repositoryOpts"]
        release["repositoryOpts"] = {
            key: "" if options.get(key) in (None, UNKNOWN) else options[key] for key in REPOSITORY
        }
    return release


def without_nulls(value: Any) -> Any:
    """Null and unknown entries left out, at every depth."""
    empty = (None, UNKNOWN)
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item not in empty}
    if isinstance(value, list):
        return [without_nulls(item) for item in value if item not in empty]
    return value


def chart_version(release: Object) -> str:
    """The version that the chart turns out to have."""
    chart, *options = _chart_options(release)
    metadata = helm.chart_metadata(chart, options)
    if metadata.get("dependencies"):
        raise HelmError("the stand-in takes no chart with dependencies")
    return str(metadata["version"])


def _chart_options(release: Object) -> list[str]:
    """The chart's name as Helm takes it, and where it is found."""
    chart, options = release["chart"].strip(), []
    repository = release.get("repositoryOpts", {})
    if repository.get("username") or repository.get("password"):
        raise HelmError("the stand-in takes no repository with a password")
    url = repository.get("repo", "")
    remote = False
    if repository and not chart.startswith("oci://"):
        remote = bool(urlsplit(url).scheme) or url.startswith("/")
        if remote:
            options += ["--repo", url]
        elif url and "/" not in chart:
            chart = f"{url}/{chart}"
    for key, flag in REPOSITORY_FLAGS.items():
        if repository.get(key):
            options += [flag, str(Path(repository[key]).absolute())]
    version = release["version"].strip()
    options += ["--version", version] if version else []
    return [chart if remote else _local(chart), *options]


def _local(chart: str) -> str:
    """A chart in a folder or file of the program's, else the name as it is."""
    path = Path(chart)
    if path.is_file() or (path / "Chart.yaml").exists():
        return str(path.absolute())
    if chart.startswith(("/", ".")):
        raise HelmError(f'path "{chart}" not found')
    return chart


def arguments(release: Object, action: int) -> list[str]:
    """What `helm install` (0) or `helm upgrade` (1) is told."""
    try:
        options = [release["name"], *_chart_options(release)]
    except HelmError as error:
        raise Failure(str(error)) from error
    options += ["--namespace", release["namespace"], "--timeout", timeout(release)]
    for key, flags in SWITCHES.items():
        flag = flags[action]
        if release[key] and flag is not None:
            options.append(flag)
    if not release["skipAwait"]:
        options += ["--wait", *(["--wait-for-jobs"] if release["waitForJobs"] else [])]
    if release["description"]:
        options += ["--description", release["description"]]
    return options


def timeout(release: Object) -> str:
    """How long Helm waits."""
    return f"{int(release['timeout']) or DEFAULT_SECONDS}s"
