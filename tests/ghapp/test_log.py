"""The log has one event on each line, even if several processes write to one file."""

import json
import os
import socket
import subprocess
import sys

_TWO_EVENTS = """
from ghapp.log import configure_logging, log
configure_logging()
log.info("first", size=1)
log.info("second", size=2)
"""


def test_an_event_is_one_write_so_that_processes_can_share_a_file() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = [sys.executable, "-c", _TWO_EVENTS]
        # Without a buffer, every call of write() becomes a separate write to the file.
        environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
        assert subprocess.run(command, stderr=theirs.fileno(), env=environ, check=False).returncode == 0
        theirs.close()
        writes = iter(lambda: ours.recv(65_536), b"")
        assert [json.loads(each)["event"] for each in writes if each.endswith(b"\n")] == ["first", "second"]
