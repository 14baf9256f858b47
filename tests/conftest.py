"""Fixtures that several directories of tests use. One OpenBao and one PostgreSQL serve a whole session.

Compiled modules are kept also where PYTHONDONTWRITEBYTECODE is set: otherwise each process of xdist compiles all tests
and rewrites their asserts again, and each program that a test starts compiles the product again.
"""

import sys

sys.dont_write_bytecode = False

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
