"""A git server over HTTP on loopback: it runs git's own CGI program and expects a token as the password."""

import base64
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


@dataclass(kw_only=True)
class GitServer:
    """A running server. Repositories are bare directories below `root`; `requests` are (path, Authorization).

    If `redirect_to` is set, every request is redirected to that address.
    """

    root: Path
    port: int
    token: str
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    redirect_to: str | None = None

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def git_server(root: Path, *, token: str = "installation-token") -> Iterator[GitServer]:
    """Serve the repositories below `root` to every client that sends the token."""
    expected = "Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            server.requests.append((path, self.headers.get("Authorization")))
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if server.redirect_to:
                self._answer(301, {"Location": server.redirect_to + self.path}, b"")
            elif self.headers.get("Authorization") != expected:
                self._answer(401, {"WWW-Authenticate": "Basic"}, b"")
            else:
                self._answer(*self._backend(path, query, body))

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

        def _backend(self, path: str, query: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
            environ = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_NOSYSTEM": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            # The exit status is not checked: it is also 1 after an error that the client was told about.
            ended = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True)
            head, _, content = ended.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            return int(headers.pop("Status", "200").split()[0]), headers, content

        def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = GitServer(root=root, port=listening.server_port, token=token)
    thread = Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
