"""An HTTP server on loopback that stands in for services that OpenBao lacks: engines, identity providers, faults."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@contextmanager
def stub_server(answer: Any) -> Iterator[tuple[str, ThreadingHTTPServer]]:
    """Serve on loopback; `answer(method, path, body)` returns the status and the JSON of each answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = answer(self.command, self.path, json.loads(said) if said else None)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            if content is not None:
                self.wfile.write(json.dumps(content).encode())

        do_POST = do_PUT = do_LIST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
