"""Reading from outside, and the values that result.

Talks to the outside: ``client`` to the API server, ``name_resolution`` to this machine's resolver.
Pure: ``objects`` and ``installed`` turn Kubernetes' objects into the plain values of ``snapshot``.
``reader`` decides what is read; of the other rooms only ``state.after_update`` names a path of the
API.
"""
