"""Sign people in with GitHub, which says who a person is and what they may see.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#web-application-flow
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ghapp.log import log
from ghapp.store import KnownRepository
from ghapp.web.github_people import CodeRefused, GitHubAway, GitHubPeople, TokenRefused
from ghapp.web.rendering import message_page
from ghapp.web.sessions import SESSION_S, SIGN_IN_S, BegunSignIn, Cookies, Session
from ghapp.web.visitors import Visitor

CALLBACK = "/login/callback"
_SAME_ANSWER_S = 60.0
_MOST_ANSWERS = 10_000
_AT_ONCE = 8


class SignInNeeded(Exception):
    """Nobody is signed in, or GitHub no longer accepts the token."""


class ReadAccess:
    """Which repositories a person may read, cached for a minute."""

    def __init__(self, people: GitHubPeople, cookies: Cookies) -> None:
        self._people = people
        self._now = cookies.now
        self._answers: dict[tuple[bytes, int], tuple[float, bool]] = {}
        self._requests = asyncio.Semaphore(_AT_ONCE)

    async def may_read(self, token: str, repository: KnownRepository) -> bool:
        """Whether GitHub lets the person read the repository. Raises SignInNeeded and GitHubAway."""
        key = hashlib.sha256(token.encode()).digest(), repository.id
        until, answer = self._answers.get(key, (0.0, False))
        if until > self._now():
            return answer
        async with self._requests:
            try:
                answer = await self._people.may_read(token, repository)
            except TokenRefused:
                raise SignInNeeded from None
        if len(self._answers) >= _MOST_ANSWERS:
            self._answers.clear()
        self._answers[key] = (self._now() + _SAME_ANSWER_S, answer)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A person who signed in with GitHub."""

    login: str
    token: str = field(repr=False)
    read_access: ReadAccess

    async def readable(self, repositories: Sequence[KnownRepository]) -> tuple[KnownRepository, ...]:
        """The repositories that GitHub lets them read. Raises SignInNeeded and GitHubAway."""
        answers = await asyncio.gather(*(self.read_access.may_read(self.token, each) for each in repositories))
        return tuple(each for each, may_read in zip(repositories, answers, strict=True) if may_read)


class SignIn:
    """Admits signed-in people, and signs people in and out."""

    def __init__(self, people: GitHubPeople, cookies: Cookies, *, public_url: str) -> None:
        self._people = people
        self._cookies = cookies
        self._redirect_uri = f"{public_url}{CALLBACK}"
        self._reading = ReadAccess(people, cookies)

    async def visitor(self, request: Request) -> Visitor:
        """The signed-in person. Raises SignInNeeded."""
        session = self._cookies.read(request, Session)
        if session is None:
            raise SignInNeeded
        return SignedIn(login=session.login, token=session.token, read_access=self._reading)

    def begin(self, request: Request) -> Response:
        """`GET /login`: go to GitHub, and return to `?next=`."""
        begun = BegunSignIn(
            state=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(64),
            next=own_path(request.query_params.get("next", "/")),
            until=self._cookies.now() + SIGN_IN_S,
        )
        digest = hashlib.sha256(begun.verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        url = self._people.authorize_url(redirect_uri=self._redirect_uri, state=begun.state, code_challenge=challenge)
        response = RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})
        self._cookies.write(response, begun)
        return response

    async def finish(self, request: Request) -> Response:
        """`GET /login/callback`: process the browser's return from GitHub."""
        begun = self._cookies.read(request, BegunSignIn)
        query = request.query_params
        if begun is None or not hmac.compare_digest(begun.state.encode(), query.get("state", "").encode()):
            return _not_signed_in("This sign-in did not start here, or is more than ten minutes old.")
        if not query.get("code"):
            return self._forget_session(
                _not_signed_in("GitHub did not sign you in, because the request was declined there.")
            )
        try:
            token = await self._people.exchange(
                query["code"], redirect_uri=self._redirect_uri, code_verifier=begun.verifier
            )
            login = await self._people.login(token.value)
        except (CodeRefused, TokenRefused) as error:
            log.warning("sign_in_refused", reason=str(error)[:80])
            return self._forget_session(_not_signed_in("GitHub refused the sign-in; the server's log has the reason."))
        lasts_s = min(SESSION_S, token.expires_in_s or SESSION_S)
        session = Session(login=login, token=token.value, until=self._cookies.now() + lasts_s)
        response = RedirectResponse(begun.next, status_code=303, headers={"Cache-Control": "no-store"})
        self._cookies.write(response, session)
        log.info("signed_in", login=login)
        return self._forget_session(response)

    async def sign_out(self, request: Request) -> Response:
        """`POST /logout`: revoke the token at GitHub, and delete the cookie."""
        response = message_page(
            200, "Signed out", "You are signed out of Planward.", link=("/login", "Sign in with GitHub")
        )
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return message_page(403, "Not from here", "Another site asked to sign you out.")
        session = self._cookies.read(request, Session)
        if session is not None:
            try:
                await self._people.revoke(session.token)
            except GitHubAway:
                log.warning("token_not_revoked", login=session.login)
        self._cookies.forget(response, Session)
        return response

    def _forget_session(self, response: Response) -> Response:
        self._cookies.forget(response, BegunSignIn)
        return response


def login_path(request: Request) -> str:
    """The sign-in address that returns to the requested page."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"/login?next={quote(request.url.path + query, safe='')}"


def own_path(path: str) -> str:
    """A path on this server, otherwise "/", so that a link to our sign-in cannot send people to another site.

    Browsers treat a backslash as a slash and skip tabs and line feeds, so that `/\\\\host` and `/<tab>/host` also lead
    elsewhere. https://url.spec.whatwg.org/#concept-basic-url-parser
    """
    plain = path.isascii() and path.isprintable() and " " not in path and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"


def _not_signed_in(text: str) -> Response:
    return message_page(403, "Not signed in", text, link=("/login", "Try again"))
