"""A GitHub with an organisation, three people, one repository and an App that listens."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import jwt
import pytest

from ghapp.demo.github import LocalGitHub
from ghapp.demo.github.state import App, Installation

PERMISSIONS = {
    "checks": "write",
    "contents": "read",
    "deployments": "write",
    "issues": "read",
    "members": "read",
    "merge_queues": "read",
    "pull_requests": "write",
    "statuses": "write",
}
EVENTS = ["pull_request", "push", "issue_comment", "merge_group", "repository", "deployment", "deployment_status"]


@dataclass
class Receiver:
    """An App's webhook: keeps what comes and answers with `status`."""

    url: str
    status: int = 202
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def events(self) -> list[str]:
        named = [
            (item["X-GitHub-Event"], json.loads(body).get("action"))
            for item, body in zip(self.headers, self.bodies, strict=True)
        ]
        return [event if action is None else f"{event}.{action}" for event, action in named]

    def last(self, event: str) -> dict[str, Any]:
        bodies = zip(self.headers, self.bodies, strict=True)
        body: dict[str, Any] = [json.loads(body) for item, body in bodies if item["X-GitHub-Event"] == event][-1]
        return body


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


def app_jwt(app: App, *, issued: int = -30, expires: int = 300, issuer: str | None = None) -> str:
    now = int(time.time())
    claims = {"iat": now + issued, "exp": now + expires, "iss": issuer or str(app.id)}
    return jwt.encode(claims, app.private_key_pem, algorithm="RS256")


def client(github: LocalGitHub, token: str | None, version: str = "2026-03-10") -> httpx.Client:
    headers = {"X-GitHub-Api-Version": version} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx.Client(base_url=github.api_url, headers=headers, trust_env=False)


def installed(github: LocalGitHub, installation: Installation, **body: object) -> httpx.Client:
    """The App with an installation token, narrowed as `body` says."""
    path = f"/app/installations/{installation.id}/access_tokens"
    with client(github, app_jwt(installation.app)) as speaker:
        answer = speaker.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return client(github, answer.json()["token"])


def propose(
    github: LocalGitHub, branch: str = "topic", *, by: str = "grace", files: dict[str, str] | None = None
) -> dict[str, Any]:
    """Commit on a branch and open a pull request into staging."""
    github.commit("acme/infra", branch, files or {"network/main.tf": "one\ntwo\nthree\n"}, by=by)
    with github.rest(by) as speaker:
        answer = speaker.post(
            "/repos/acme/infra/pulls", json={"title": f"Add {branch}", "head": branch, "base": "staging"}
        )
    assert answer.status_code == 201, answer.text
    pull: dict[str, Any] = answer.json()
    return pull
