"""An organisation with one repository and an App, and the clients with which tests use the local GitHub."""

import functools
import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import App, Installation

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
EVENTS = [
    "pull_request",
    "pull_request_review",
    "push",
    "issue_comment",
    "merge_group",
    "repository",
    "deployment",
    "deployment_status",
]


@dataclass
class Receiver:
    """An App's webhook: it keeps the deliveries and answers with `status`."""

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


def app_jwt(
    app: App, *, issued: int = -30, expires: int = 300, issuer: str | None = None, now: datetime | None = None
) -> str:
    seconds = int(time.time() if now is None else now.timestamp())
    claims = {"iat": seconds + issued, "exp": seconds + expires, "iss": issuer or str(app.id)}
    return jwt.encode(claims, _private_key(app.private_key_pem), algorithm="RS256")


@functools.cache
def _private_key(pem: str) -> RSAPrivateKey:
    """The App's key, without validation: checking its primes takes longer than everything the tests do with it."""
    key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)
    return key


def client(github: LocalGitHub, token: str | None, version: str = "2026-03-10") -> httpx.Client:
    headers = {"X-GitHub-Api-Version": version} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx.Client(base_url=github.api_url, headers=headers, trust_env=False, verify=False)


def installed(github: LocalGitHub, installation: Installation, **body: object) -> httpx.Client:
    """A client with an installation token, which `body` narrows."""
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
