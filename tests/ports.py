"""Ports for servers that are started again on the port that they had."""

import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

_FIRST = 10_000
_EACH = 2_000
"""So many for each process of xdist."""
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a port on loopback that nothing listens on, and that no connection takes while its server is away.

    A connection's own end gets a port from the kernel's range and keeps it for a minute after its end. No server can
    listen on it meanwhile, whatever SO_REUSEADDR says, so ports come from below that range.
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
    # Not all from the first one on: another run of the tests may be under way.
    begin = os.getpid() % _EACH
    own = [first + (begin + offset) % _EACH for offset in range(_EACH)]
    return itertools.cycle([port for port in own if port < kernel_first] or [0])


_ports = _own_ports()
