"""From settings and a snapshot of the cluster to the policy. Pure.

``look_up`` is the way in. One module for each kind of entry: ``services``, ``pods`` (both through
``selection``), ``host_names`` and ``outside`` (addresses and blocks; ``wide`` for wide ones).
``dns`` and ``server`` are for newt itself, ``canary`` for its gate, and ``limits`` has the limits
of the API server.
"""
