"""Fixtures of several rooms: one OpenBao serves a whole session."""

pytest_plugins = ["tests.openbao"]
