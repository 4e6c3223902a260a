"""The allow-list from a Pangolin blueprint: the file that already says what the site exposes.

``document`` reads the text, ``public`` and ``private`` say what newt would dial, ``reading`` puts
them together: pure, from text to targets, below ``settings`` like ``egress``. ``compare`` and the
program beside it (``python -m blueprint``) stand above: they hold a stack file to its blueprint.
Leaves out Pangolin's API, deliberately: the cage must not be cut to what the server says.
"""
