"""Stand-ins for the provider plugins pulumi-command 1.2.1 and pulumi-kubernetes 4.29.0.

They serve Pulumi's real engine where the official plugins cannot be had, and do the real work on
the real host: commands over SSH, objects on the Kubernetes API server, charts by Helm. They own
the same inputs, defaults, diffs, refusals and error texts as the official plugins; what they do
not implement they refuse by name. The same program later runs with the official ones, so a
stand-in that accepts more, or shows another diff, is a defect. The Docker plugin needs no
stand-in: `tests/engine` builds it from its Go module.

    values     property values on the wire
    resource   what a resource type is and says
    server     the gRPC server that the plugins share
    objectdiff the difference of two property bags
    command    the package `command`: remote.Command
    kubernetes the package `kubernetes`: Provider, a dozen kinds of objects, helm.v3.Release
"""
