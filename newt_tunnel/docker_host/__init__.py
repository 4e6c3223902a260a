"""What runs on the Docker host: the program ``newt-egress``, the proof's prober, and how both are
sent there.
"""
