"""A connection that gives scripted answers, in order, and fails on any unexpected request."""

import functools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ghapp.events import RepositoryRef
from ghapp.github import Patience, SignedBy
from ghapp.values import RepositoryId

API = "https://github.example.com/api/v3"
APP_ID = 3
INFRA = RepositoryRef(id=RepositoryId(42), full_name="acme/infra")
IMPATIENT = Patience(attempts=3, total_s=5, wait_initial_s=0.0, wait_max_s=2.0)
"""Without real waits: `pause` only moves the clock."""
TOKEN_PATH = "/app/installations/5/access_tokens"


@dataclass
class Answer:
    """The answer to one request: a response, or a failure of the network."""

    request: str
    status: int
    body: Any
    headers: dict[str, str]
    failure: type[httpx.TransportError] | None


@dataclass
class ScriptedWire:
    """Expects requests `METHOD /path` in order. Requests for tokens are answered automatically and counted."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    token_requests: list[httpx.Request] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    token_life_s: int = 3600
    now: float = 1_800_000_000.0
    hands_out_tokens: bool = True
    deferred: list[tuple[str, str]] = field(default_factory=list)

    def expect(
        self,
        request: str,
        status: int = 200,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        failure: type[httpx.TransportError] | None = None,
    ) -> None:
        self.answers.append(Answer(request, status, body, headers or {}, failure))

    def expect_missing(self, request: str, *, repository: str = "GET /repos/acme/infra") -> None:
        """Expect a request for a missing object: twice, with two tokens, and then a request for the repository."""
        for _ in range(2):
            self.expect(request, 404, {"message": "Not Found"})
        self.expect(repository, body={"id": 42})

    def refuse(self, request: str, status: int, message: str) -> None:
        """Expect a request that is refused every time: each attempt of a call uses two tokens."""
        for _ in range(2 * IMPATIENT.attempts):
            self.expect(request, status, {"message": message})

    async def pause(self, seconds: float) -> None:
        self.now += seconds

    async def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v3")
        if path == TOKEN_PATH and self.hands_out_tokens:
            self.token_requests.append(request)
            expires_at = github_time(self.now + self.token_life_s)
            return httpx.Response(201, json={"token": f"ghs_{len(self.token_requests)}", "expires_at": expires_at})
        if path == "/installation/token":
            self.revoked.append(request.headers["Authorization"].removeprefix("Bearer "))
            return httpx.Response(204)
        # A copy, since httpx reuses the same object with another token for the next attempt.
        self.requests.append(
            httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        )
        asked = f"{request.method} {path}"
        assert self.answers, f"unexpected request {asked}"
        expected = self.answers.pop(0)
        assert asked == expected.request
        if expected.failure is not None:
            raise expected.failure("the network's own text, with ghs_secret in it")
        if isinstance(expected.body, bytes):
            return httpx.Response(expected.status, content=expected.body, headers=expected.headers)
        return httpx.Response(expected.status, json=expected.body, headers=expected.headers)

    def sent(self, number: int) -> Any:
        """The JSON of the n-th request, not counting those for tokens."""
        return json.loads(self.requests[number].content)


def github_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def signed_by(private_key: RSAPrivateKey) -> SignedBy:
    """An App's key that has already been read."""

    async def sign(message: bytes) -> bytes:
        return private_key.sign(message, PKCS1v15(), SHA256())

    return SignedBy(sign)


@functools.cache
def signed_by_pem(pem: str) -> SignedBy:
    """An App's key from a PEM. Each PEM is read only once."""
    private_key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(private_key, RSAPrivateKey)
    return signed_by(private_key)
