"""Planward, the GitHub App: the shell around `checks`."""
