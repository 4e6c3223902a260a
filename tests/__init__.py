"""Tests, and what they run on: the lab, the engine, a stand-in for a plugin."""
