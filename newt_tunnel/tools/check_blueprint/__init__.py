"""Compares a Pangolin blueprint with the cage of a stack."""
