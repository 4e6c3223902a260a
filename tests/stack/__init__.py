"""The life of a stack, with the real engine, on a real Docker host in the lab."""
