"""Planward, the GitHub App: everything that does I/O. The pure functions that it uses are in `checks`."""
