"""Planward's data directory, and a server for large files."""

import json
import tempfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.ghapp.git.sandbox.mirrors import LargeFileServer


@pytest.fixture
def data() -> Iterator[Path]:
    """Planward's data directory, with a secret and another repository's mirror."""
    with tempfile.TemporaryDirectory(prefix="planward-") as made:
        Path(made).chmod(0o711)
        data = Path(made) / "data"
        (data / "mirrors/8.git").mkdir(mode=0o700, parents=True)
        data.chmod(0o700)
        (data / "mirrors").chmod(0o700)
        (data / "planward.db").write_text("everything that planward remembers")
        (data / "mirrors/8.git/HEAD").write_text("somebody else's code")
        yield data


@pytest.fixture
def server() -> Iterator[LargeFileServer]:
    state = LargeFileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/report":
                state.reports.append(body)
                return self._answer(b"{}")
            state.asked.append((self.path, self.headers.get("Authorization")))
            objects = [
                {
                    "oid": each["oid"],
                    "size": each["size"],
                    "authenticated": True,
                    **(
                        {"actions": {"download": {"href": f"{state.url}/objects/{each['oid']}"}}}
                        if each["oid"] in state.objects
                        else {"error": {"code": 404, "message": "Object does not exist on the server"}}
                    ),
                }
                for each in body["objects"]
            ]
            return self._answer(json.dumps({"transfer": "basic", "objects": objects}).encode())

        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers.get("Authorization")))
            self._answer(state.objects[self.path.rpartition("/")[2]])

        def _answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.git-lfs+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{listening.server_port}"
    thread = Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
