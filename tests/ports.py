"""Ports for servers that may be stopped and started again on the same port."""

import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

_FIRST = 10_000
_EACH = 2_000
"""The number of ports for each process of xdist."""
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a port on loopback on which nothing listens and which no connection takes while its server is stopped.

    The client's side of a connection gets a port from the kernel's ephemeral range and keeps it for a minute after the
    connection has ended. Until then no server can listen on that port, whatever SO_REUSEADDR says. So the ports here
    come from below that range.
    """
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("the ports never end")


def _own_ports() -> Iterator[int]:
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST + number * _EACH
    kernel_first = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 0
    # The first port differs from process to process, since another run of the tests may be under way.
    begin = os.getpid() % _EACH
    own = [first + (begin + offset) % _EACH for offset in range(_EACH)]
    return itertools.cycle([port for port in own if port < kernel_first] or [0])


_ports = _own_ports()
