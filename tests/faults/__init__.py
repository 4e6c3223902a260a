"""The cage while something goes wrong around it: newt floods forbidden targets throughout each
fault, and nothing of the flood may arrive.

`flood` is what newt sends and what arrives of it, `finding` what became of a fault, `report` shows
it. What happens is in `host` for a Docker host and in `cluster` for a cluster: each has its own
flood, its faults, and a trial that puts both together. `make faults` runs all of it (`__main__`);
the short forms are `host/test_faults.py` and `tests/cluster/test_faults.py`.
"""
