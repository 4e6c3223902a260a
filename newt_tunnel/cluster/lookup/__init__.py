"""From settings and a snapshot of the cluster to the policy. Pure.

``look_up`` is the way in. One module for each kind of entry: ``services``, ``pods`` (both through
``selection``), ``host_names`` and ``outside`` (addresses and blocks; ``wide`` for wide ones).
``dns`` and ``server`` are what newt itself needs, ``canary`` is what its gate waits for, and
``limits`` is what an API server takes.
"""
