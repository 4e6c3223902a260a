"""Reviews what a change of the stack files does to newt's reach: compares two revisions as sets.

``python -m newt_tunnel review BASE..HEAD`` (see docs/review.md). Needs no cluster, host, engine or
passphrase. Leaves out what only a cluster or a resolver knows: names, Services and labels are
compared as they are written.
"""
