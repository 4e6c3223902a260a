"""The allow-list from a Pangolin blueprint: the file that already says what the site exposes.

``document`` reads the text, ``public`` and ``private`` say what newt would dial, ``reading`` puts
them together: pure, from text to targets. ``tools.check_blueprint`` compares a stack file with it.
Leaves out Pangolin's API deliberately: the server must not decide what the cage allows.
"""
