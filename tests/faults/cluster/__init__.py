"""The same in a cluster: a pod with newt's label floods, and things happen to its node, to the
enforcer of its policy, and to itself.
"""
