"""A GitHub for sign-in that is small enough for tests: the OAuth web flow, and people's own tokens.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID = "Iv23liTheTests"
CLIENT_SECRET = "the-client-secret-of-the-tests"


@dataclass(kw_only=True)
class SignInGitHub:
    """Whoever signs in becomes `who`. `readable` has the repositories that each person can read."""

    who: str | None = "ada"
    readable: dict[str, set[str]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    away: bool = False

    def app(self) -> Starlette:
        """The application: the web pages and the API are on one host, as on GitHub Enterprise Server."""
        return Starlette(
            routes=[
                Route("/login/oauth/authorize", self._authorize),
                Route("/login/oauth/access_token", self._exchange, methods=["POST"]),
                Route("/api/v3/user", self._user),
                Route("/api/v3/repos/{owner}/{repo}", self._repository),
                Route("/api/v3/repositories/{id}", self._repository_by_id),
                Route("/api/v3/applications/{client_id}/token", self._revoke, methods=["DELETE"]),
            ]
        )

    async def _authorize(self, request: Request) -> Response:
        query = request.query_params
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        if self.who is None:
            return RedirectResponse(f"{query['redirect_uri']}?error=access_denied&state={query['state']}")
        code = secrets.token_hex(8)
        self.codes[code] = {"who": self.who, **query}
        return RedirectResponse(f"{query['redirect_uri']}?code={code}&state={query['state']}")

    async def _exchange(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        begun = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if (
            begun is None
            or begun["code_challenge"] != challenge.decode()
            or begun["redirect_uri"] != form["redirect_uri"]
            or (form["client_id"], form["client_secret"]) != (CLIENT_ID, CLIENT_SECRET)
        ):
            return JSONResponse({"error": "bad_verification_code"})
        token = f"ghu_{secrets.token_hex(18)}"
        self.tokens[token] = begun["who"]
        return JSONResponse({"access_token": token, "expires_in": 28_800, "token_type": "bearer"})

    def _who(self, request: Request) -> str | None:
        return self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))

    async def _user(self, request: Request) -> Response:
        who = self._who(request)
        return JSONResponse({"login": who}) if who else JSONResponse({"message": "Bad credentials"}, status_code=401)

    async def _repository(self, request: Request) -> Response:
        name = f"{request.path_params['owner']}/{request.path_params['repo']}"
        self.asked.append(name)
        if self.away:
            return JSONResponse({"message": "Unicorn"}, status_code=503)
        who = self._who(request)
        if who is None:
            return JSONResponse({"message": "Bad credentials"}, status_code=401)
        if name in self.moved:
            return RedirectResponse(f"{request.base_url}api/v3/repositories/{self.moved[name]}", status_code=301)
        if name not in self.readable.get(who, set()):
            return JSONResponse({"message": "Not Found"}, status_code=404)
        return JSONResponse({"id": self.ids[name], "full_name": name})

    async def _repository_by_id(self, request: Request) -> Response:
        return JSONResponse({"id": int(request.path_params["id"])})

    async def _revoke(self, request: Request) -> Response:
        self.tokens.pop((await request.json())["access_token"], None)
        return Response(status_code=204)
