"""Existing objects of the cluster, compared with those that an update makes. Pure, but for
``after_update``.

``expected`` holds what an update makes, and a difference from it. ``foreign`` finds objects and
access of others; ``policy_changes`` says what differs in one policy; ``drift`` and ``own_objects``
find what is not as the last update left it; ``generation`` makes the engine do that part again.
``after_update`` reads the cluster once more when the engine has finished.
"""
