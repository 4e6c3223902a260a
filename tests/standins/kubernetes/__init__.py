"""Stand-in for pulumi-kubernetes 4.29.0: objects by server-side apply, charts by the real Helm.

What a program can see of the official plugin is imitated: names, previews (the API server's dry
run), diffs, what replaces, what is waited for and for how long, error texts, the state. The API
server and Helm are real, so conflicts, admission and rollouts need no imitation.

    kinds        which kinds there are, and what replaces them
    kubeconfig   from a kubeconfig to a server and its credentials
    api          requests and watches
    cluster      the configured cluster, or the reason why it cannot be reached
    typed        inputs as the typed Go objects would write them (types.json)
    shape        objects in and out of Pulumi's state: pruning, secrets, names
    patching     the difference of two objects, path by path
    objects      a resource that is one Kubernetes object
    applying     how such an object is updated
    awaiting     when such an object is ready, or gone
    pods         what a pod says is wrong with it
    release      the resource helm.v3.Release
    release_inputs    what it may say, and what Helm is told of it
    helm         the Helm command, and the releases it has stored
    schema       of the package, for `pulumi import`
    provider     the provider's own configuration
    recorder     the Go program that wrote types.json and the recorded cases of the tests

Left out, and refused by name: every other kind, `*Patch` resources, lists, invokes,
`ignore_changes` of list elements, `generateName`, `pulumi.com/waitFor`, client-side apply, YAML
rendering, `upsertExistingObjects`.
"""
