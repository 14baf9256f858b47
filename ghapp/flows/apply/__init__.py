"""Pushes: explained, applied, or held."""
