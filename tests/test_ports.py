"""Tests of the ports that tests give to their servers."""

import socket
import sys

import pytest

from tests.ports import free_port


def test_no_port_is_given_twice() -> None:
    ports = {free_port() for _ in range(50)}
    assert len(ports) == 50


@pytest.mark.skipif(sys.platform != "linux", reason="the range of the kernel's ports is read from /proc")
def test_no_connection_takes_the_port_of_a_stopped_server() -> None:
    port = free_port()
    taken = set()
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(200):
            with socket.create_connection(server.getsockname()) as connection:
                taken.add(connection.getsockname()[1])
                server.accept()[0].close()
    assert port not in taken
    assert port < min(taken)
