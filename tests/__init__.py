"""Tests, and what they run on: the lab, the engine, the stand-ins."""
