"""Pushes: explain, apply, or hold them."""
