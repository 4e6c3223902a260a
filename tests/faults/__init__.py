"""The cage while something goes wrong around it: newt floods forbidden targets throughout each
fault, and nothing of the flood may arrive.

`flood` is what newt sends and what arrives of it, `faults` what happens meanwhile, `trial` puts
both together. `make faults` runs all of it (`__main__`); the short form is `test_faults.py` here.
"""
