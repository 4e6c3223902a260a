"""The cage under attack: what the model says is compared with what a kernel does, packet by packet
(`differential`), and every attack that we know of is tried (`siege`, `cluster`).

`make attack` runs all of it (`__main__`); the short forms are `test_differential.py` here,
`tests/host/test_egress.py`, `tests/host/test_ingress.py` and `tests/cluster/test_attacks.py`.
"""
