"""The commands of ``python -m newt_tunnel``, one folder each; each begins in ``command.py``.

``output`` and ``yaml_lines`` are what they share.
"""
