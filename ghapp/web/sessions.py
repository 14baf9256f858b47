"""Cookies for signed-in people. They are encrypted, so that nobody can read or forge them, and short-lived."""

import base64
import binascii
import time
from collections.abc import Callable
from typing import Final, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ghapp.sealing import Sealer, UnsealError

SESSION_S: Final = 8 * 3600
SIGN_IN_S: Final = 600
_LONGEST = 4_000


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in person, with their own token for GitHub. Never logged."""

    login: str
    token: str
    until: float


class BegunSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a sign-in that the browser's return from GitHub has to match."""

    state: str
    verifier: str
    next: str
    until: float


Kept = TypeVar("Kept", Session, BegunSignIn)


class Cookies:
    """Puts encrypted values into cookies, and reads them while they are valid."""

    def __init__(self, sealer: Sealer, *, secure: bool, now: Callable[[], float] = time.time) -> None:
        self._sealer = sealer
        self._secure = secure
        self.now = now

    def read(self, request: Request, kind: type[Kept]) -> Kept | None:
        """The value that the browser sent, None if there is no valid one."""
        text = request.cookies.get(self._name(kind), "")
        if not text or len(text) > _LONGEST:
            return None
        try:
            sealed = base64.b64decode(text, altchars=b"-_", validate=True)
            value = msgspec.json.decode(self._sealer.open(sealed, about=_about(kind)), type=kind)
        except (binascii.Error, UnsealError, msgspec.DecodeError, ValueError):
            return None
        return value if value.until > self.now() else None

    def write(self, response: Response, value: Session | BegunSignIn) -> None:
        """Store a value in the browser for as long as it is valid."""
        sealed = self._sealer.seal(msgspec.json.encode(value), about=_about(type(value)))
        response.set_cookie(
            self._name(type(value)),
            base64.urlsafe_b64encode(sealed).decode(),
            max_age=max(1, int(value.until - self.now())),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def forget(self, response: Response, kind: type[Session] | type[BegunSignIn]) -> None:
        """Delete a value from the browser."""
        response.delete_cookie(self._name(kind), path="/", secure=self._secure, httponly=True, samesite="lax")

    def _name(self, kind: type[Session] | type[BegunSignIn]) -> str:
        # With this prefix no other host, and no page without TLS, can set the cookie.
        return f"{'__Host-' if self._secure else ''}planward-{_about(kind)}"


def _about(kind: type[Session] | type[BegunSignIn]) -> Literal["session", "sign-in"]:
    return "session" if kind is Session else "sign-in"
