"""The programs of the lab's Kubernetes node, built from Go modules into the tests' cache.

Each folder beside this file that holds a `go.mod` pins one of them, with every dependency by hash;
nothing else is downloaded but these modules. Owns how they are built, not how they are started.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.cache import cached

from ..artifacts import copy_module, go, go_version
from ..commands import check

HERE = Path(__file__).parent
KUBERNETES = "1.34.1"  # node/go.mod
CILIUM = "1.15.19"  # cilium/go.mod
HELM = "3.20.2"  # helm/go.mod

# The one binary of node/ under the names that tell it what to be.
PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
CILIUM_MODULE = "github.com/cilium/cilium"
# package: (program, build tags)
CILIUM_PROGRAMS = {
    "daemon": ("cilium-agent", ""),
    "operator": ("cilium-operator", "ipam_provider_operator"),
    "plugins/cilium-cni": ("cilium-cni", ""),
}
# Cilium compiles its part in the kernel on the node, from these sources of its module.
CILIUM_SOURCES = "bpf"
CILIUM_UNUSED = ("vendor", "Documentation", "*_test.go")
CILIUM_MODULES_PACKAGE = "pkg/datapath/linux/modules"


def node() -> Path:
    """The folder with the programs of Kubernetes and etcd."""
    version = {
        "k8s.io/component-base/version": ("gitVersion", "gitMajor", "gitMinor", "gitTreeState"),
        "k8s.io/client-go/pkg/version": ("gitVersion", "gitMajor", "gitMinor", "gitTreeState"),
    }
    major, minor, _ = KUBERNETES.split(".")
    values = (f"v{KUBERNETES}", major, minor, "clean")
    flags = _flags(
        {
            f"{package}.{name}": value
            for package, names in version.items()
            for name, value in zip(names, values, strict=True)
        }
    )

    def build(out: Path) -> None:
        """compiles Kubernetes and etcd from their Go modules: 6 to 12 minutes on two cores, once"""
        go(["build", *flags, "-o", str(out / "node"), "."], HERE / "node", {})
        for name in PROGRAMS:
            (out / name).symlink_to("node")

    return _cached("kubernetes", "node", flags, build, PROGRAMS)


def coredns() -> Path:
    def build(out: Path) -> None:
        """compiles CoreDNS from its Go module: one or two minutes, once"""
        go(["build", *flags, "-o", str(out / "coredns"), "."], HERE / "coredns", {})

    flags = _flags({})
    return _cached("coredns", "coredns", flags, build) / "coredns"


def pod() -> Path:
    """What runs in the lab's own pods."""

    def build(out: Path) -> None:
        """compiles the server of the lab's pods"""
        go(["build", *flags, "-o", str(out / "pod"), "."], HERE / "pod", {})

    flags = _flags({})
    return _cached("pod", "pod", flags, build) / "pod"


def storage() -> Path:
    """The provisioner of volumes that k3s ships."""
    package = "github.com/rancher/local-path-provisioner"

    def build(out: Path) -> None:
        """compiles the provisioner of volumes from its Go module: about a minute, once"""
        go(["build", *flags, "-o", str(out / "storage"), package], HERE / "storage", {})

    flags = _flags({})
    return _cached("storage", "storage", flags, build) / "storage"


def helm() -> Path:
    variables = {
        "helm.sh/helm/v3/internal/version.version": f"v{HELM}",
        # What Helm takes for the cluster's version where it has none to ask (`helm template`).
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": KUBERNETES.split(".")[0],
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": KUBERNETES.split(".")[1],
    }
    package = "helm.sh/helm/v3/cmd/helm"

    def build(out: Path) -> None:
        """compiles Helm from its Go module: two to four minutes on two cores, once"""
        go(["build", *flags, "-o", str(out / "helm"), package], HERE / "helm", {})

    flags = _flags(variables)
    return _cached("helm", "helm", flags, build) / "helm"


def cilium() -> Path:
    """The folder with Cilium's programs and, in `bpf`, the sources of its part in the kernel."""
    flags = _flags({f"{CILIUM_MODULE}/pkg/version.ciliumVersion": CILIUM})

    def build(out: Path) -> None:
        """compiles Cilium from its Go module: 4 to 8 minutes on two cores, once"""
        module = HERE / "cilium"
        go(["mod", "download", CILIUM_MODULE], module, {})
        list_folder = ["go", "-C", str(module), "list", "-m", "-f", "{{.Dir}}", CILIUM_MODULE]
        original, sources = Path(check(list_folder).strip()), out / "sources"
        copy_module(original, sources, *CILIUM_UNUSED)
        for file in (module / "modules").iterdir():
            shutil.copy(file, sources / CILIUM_MODULES_PACKAGE)
        for name in ("go.mod", "go.sum"):
            shutil.copy(module / name, out)
        replace = f"-replace={CILIUM_MODULE}={sources}"
        go(["mod", "edit", replace], out, {})
        for package, (name, tags) in CILIUM_PROGRAMS.items():
            options = [*flags, f"-tags={tags}", f"-modfile={out / 'go.mod'}", "-o", str(out / name)]
            go(["build", *options, f"{CILIUM_MODULE}/{package}"], module, {})
        (sources / CILIUM_SOURCES).rename(out / CILIUM_SOURCES)
        shutil.rmtree(sources)
        (out / "go.mod").unlink()
        (out / "go.sum").unlink()

    return _cached("cilium", "cilium", [*flags, repr(CILIUM_PROGRAMS)], build)


def _flags(variables: Mapping[str, str]) -> list[str]:
    settings = "".join(f" -X {name}={value}" for name, value in variables.items())
    return ["-trimpath", "-ldflags", f"-s -w{settings}"]


def _cached(
    name: str,
    folder: str,
    flags: Sequence[str],
    build: Callable[[Path], None],
    more: Sequence[str] = (),
) -> Path:
    return cached(name, [HERE / folder, *flags, *more, go_version()], build)
