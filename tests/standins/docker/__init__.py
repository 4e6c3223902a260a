"""Stand-in for pulumi-docker 5.1.0: Provider, Network, Volume, RemoteImage, Container.

The official plugin is a Terraform provider behind Pulumi's bridge. What a program can see of that
is imitated here: which inputs there are, what counts as a change, what replaces, what the state
holds.

    schema      the inputs and outputs of each type, with defaults and what replaces
    planning    what an update leads to, from prior state and inputs
    diffing     the difference of two states, path by path
    bridged     a resource type: checks, plans, and calls one of the four below
    container, network, volume, image    the work on the Docker host
    engine_api  Docker's HTTP interface over `ssh … docker system dial-stdio`
    provider    the provider's own configuration
"""
