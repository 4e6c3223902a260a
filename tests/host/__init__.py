"""The host's programs on a real Docker host of the lab: real rules, real packets, no Pulumi."""
