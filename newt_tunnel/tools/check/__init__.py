"""Validates stack files and shows what they would allow."""
