"""What can be read, and what it is read into.

Talks to the outside: ``client`` to the API server, ``name_resolution`` to this machine's resolver.
Pure: ``objects`` and ``installed`` turn Kubernetes' objects into the plain values of ``snapshot``.
``reader`` says what is asked for; no other room names a path of the API but ``state.after_update``.
"""
