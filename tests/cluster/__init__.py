"""On Kubernetes nodes of the lab: the nodes themselves, newt's policies, and a stack's life."""
