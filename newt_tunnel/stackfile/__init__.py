"""Committed stack files of any revision, read as the engine would read them, without an engine.

``revisions`` gives the files of a commit or of the working tree, ``stacks`` finds and loads the
stack files among them, ``reach_entries`` says what one of them allows, ``reach_sets`` compares.
Leaves out what only a cluster, a host or a resolver knows.
"""
