"""newt, locked down: the product, apart from its Pulumi components and its policy pack.

From left to right, and never backwards (``tests/unit/house/test_layers.py`` holds this)::

    egress ─► blueprint ─► settings ─┬─► docker_host ─┬─► components/ ─► __main__.py
                                     ├─► cluster ─────┘
                                     └─► stackfile ───► tools ─► __main__ (the front door)

``tools`` may use ``docker_host`` and ``cluster`` too.

- ``findings``: one finding as a line with key, value and remedy; imports none of the others.
- ``egress``: what newt may reach: policy, verdicts, renderers, plans of the proof. Pure.
- ``blueprint``: reads Pangolin's blueprint into what a site exposes. Pure.
- ``settings``: the stack file: models, values, checks, schema; the only reader of Pulumi's config.
- ``docker_host``: the program that keeps the rules on a Docker host, and how it gets there.
- ``cluster``: reads a Kubernetes cluster and looks up targets; the gate and the probe of its pods.
- ``stackfile``: reads committed stack files of any revision, without an engine.
- ``tools``: one folder per command of ``python -m newt_tunnel``.
"""
