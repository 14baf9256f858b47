"""Fixtures that several directories of tests use. One OpenBao and one PostgreSQL serve a whole session."""

pytest_plugins = [
    "tests.openbao",
    "tests.postgres",
    "tests.ctrl_c",
    "tests.databases",
    "tests.distribution",
    "tests.fast",
    "tests.garbage",
    "tests.reruns",
    "tests.variants",
]
