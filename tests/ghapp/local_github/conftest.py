"""A GitHub with an organisation, three people, one repository and an App that listens."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import App, Installation
from tests.ghapp.local_github.acme import EVENTS, PERMISSIONS, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            received.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            received.headers.append(dict(self.headers.items()))
            self.send_response(received.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Receiver(url=f"http://127.0.0.1:{server.server_port}/webhooks/github")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def github(tmp_path: Path) -> Iterator[LocalGitHub]:
    with LocalGitHub(tmp_path / "github") as local:
        for login in ("ada", "grace", "linus"):
            local.create_user(login)
        local.create_organization("acme", owners=["ada"], members=["grace"])
        local.create_repository("acme/infra", files={"network/main.tf": "one\ntwo\n"}, default_branch="staging")
        local.grant("acme/infra", "grace", "write")
        yield local


@pytest.fixture
def app(github: LocalGitHub, receiver: Receiver) -> App:
    return github.create_app(
        "Planward",
        owner="acme",
        permissions=PERMISSIONS,
        events=EVENTS,
        webhook_url=receiver.url,
        webhook_secret="s3cret",
    )


@pytest.fixture
def installation(github: LocalGitHub, app: App) -> Installation:
    return github.install(app, "acme", repositories=["acme/infra"], by="ada")
