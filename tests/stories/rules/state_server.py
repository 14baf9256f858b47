"""A server for Terraform's `http` backend, with locks. Of all backends only this one needs no more than a socket and
can be locked from outside.

https://developer.hashicorp.com/terraform/language/backend/http
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StateServer:
    """The states and locks of a running server, by path."""

    def __init__(self) -> None:
        self.port = 0
        self.states: dict[str, bytes] = {}
        self.locks: dict[str, dict[str, str]] = {}

    def backend(self, name: str) -> str:
        """A backend configuration that keeps a state on this server under this name."""
        address = f"http://127.0.0.1:{self.port}/{name}"
        return f'address = "{address}"\nlock_address = "{address}"\nunlock_address = "{address}"\n'

    def leave_lock(self, name: str) -> None:
        """Lock a state as if by a run that died before it could unlock it."""
        self.locks[f"/{name}"] = {
            "ID": "5d2a1c7e-0000-4000-8000-000000000001",
            "Operation": "OperationTypeApply",
            "Who": "planward@a-machine-that-is-gone",
            "Created": "2026-01-01T00:00:00Z",
            "Version": "1.0.0",
            "Info": "",
            "Path": "",
        }


@contextmanager
def state_server() -> Iterator[StateServer]:
    """Serve on loopback while the context is open."""
    kept = StateServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state = kept.states.get(self._name())
            self._answer(404 if state is None else 200, state or b"")

        def do_POST(self) -> None:
            kept.states[self._name()] = self._body()
            self._answer(200)

        def do_LOCK(self) -> None:
            held = kept.locks.setdefault(self._name(), json.loads(asked := self._body()))
            self._answer(200 if held == json.loads(asked) else 423, json.dumps(held).encode())

        def do_UNLOCK(self) -> None:
            self._body()
            kept.locks.pop(self._name(), None)
            self._answer(200)

        def _name(self) -> str:
            return self.path.partition("?")[0]

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
