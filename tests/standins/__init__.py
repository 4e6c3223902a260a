"""A stand-in for the provider plugin pulumi-command 1.2.1, and tests of the plugins that run here.

The stand-in serves Pulumi's real engine where the official plugin cannot be had, and runs the real
commands over SSH. It has the same inputs, defaults, diffs, refusals and error texts as the official
plugin, and refuses by name what it does not implement. The same program later runs with the
official one, so a stand-in that accepts more, or shows another diff, is a defect. The plugins for
Docker and Kubernetes need no stand-in: `tests/engine` builds them from their Go modules.

    values     property values on the wire
    resource   what a resource says: changes, failures, log lines
    server     the gRPC server
    objectdiff the difference of two property bags
    command    the package `command`: remote.Command
"""
