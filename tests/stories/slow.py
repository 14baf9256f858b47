"""An HTTP server that keeps Terraform waiting: it answers no request before `let_go`."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath

_EMPTY_STATE = b'{"version": 4, "terraform_version": "1.0.0", "serial": 1, "lineage": "slow", "outputs": {}}'


class SlowPlace:
    """The server's requests: `asked` has all, `hung_up` those whose client gave up. Each is the path's last part."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.hung_up: list[str] = []
        self._let_go = threading.Event()

    def module(self, name: str) -> str:
        """Terraform code whose `init` waits: a call of a module that is downloaded from this server."""
        return f'module "{name}" {{\n  source = "http://127.0.0.1:{self.port}/{name}"\n}}\n'

    def data(self, name: str) -> str:
        """Terraform code whose `plan` waits: a data source that reads a state from this server."""
        return (
            f'data "terraform_remote_state" "{name}" {{\n  backend = "http"\n'
            f'  config  = {{ address = "http://127.0.0.1:{self.port}/{name}" }}\n}}\n'
        )

    def let_go(self) -> None:
        """Answer every request with an empty state. A module download fails then, since a state is not a module."""
        self._let_go.set()

    def wait(self, name: str, connection: socket.socket) -> bool:
        """Keep a client waiting until `let_go`; False if it hung up before."""
        self.asked.append(name)
        while not self._let_go.is_set():
            readable, _, _ = select.select([connection], [], [], 0.02)
            if readable and not connection.recv(1, socket.MSG_PEEK):
                self.hung_up.append(name)
                return False
        return True


@contextmanager
def slow_place() -> Iterator[SlowPlace]:
    """Serve on loopback; when the context ends, every request is answered."""
    place = SlowPlace()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if place.wait(PurePosixPath(self.path.partition("?")[0]).name, self.connection):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(_EMPTY_STATE)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    place.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield place
    finally:
        place.let_go()
        server.shutdown()
        server.server_close()
        thread.join()
