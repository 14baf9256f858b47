"""Who looks at a page, and which repositories' runs they may see."""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request

from ghapp.addresses import is_loopback
from ghapp.store import KnownRepository

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


class NotServedHere(Exception):
    """The pages are not for who asks; `str` says why and what the operator can do."""


class Visitor(Protocol):
    """Somebody who may look at pages."""

    @property
    def login(self) -> str | None:
        """The GitHub login of who is signed in."""
        ...

    async def readable(self, repositories: Sequence[KnownRepository]) -> tuple[KnownRepository, ...]:
        """Those of the repositories whose runs they may see."""
        ...


class Admission(Protocol):
    """Decides who a request comes from."""

    async def visitor(self, request: Request) -> Visitor:
        """Who asks. What it raises is answered instead of the page."""
        ...


class AtTheMachine:
    """Somebody at the machine itself: they could read the database."""

    login: str | None = None

    async def readable(self, repositories: Sequence[KnownRepository]) -> tuple[KnownRepository, ...]:
        """All."""
        return tuple(repositories)


def is_at_the_machine(request: Request) -> bool:
    """Whether the request comes from loopback and asks for loopback.

    The client's address alone does not do: a page elsewhere may have its own name point here (DNS rebinding), and
    a proxy on this machine speaks for everybody.
    """
    client = request.client.host if request.client is not None else ""
    asked = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    passed_on = any(name in request.headers for name in _FORWARDED)
    return is_loopback(client) and is_loopback(asked) and not passed_on


class LoopbackOnly:
    """Without sign-in the pages are for the machine itself."""

    async def visitor(self, request: Request) -> Visitor:
        """Admit who is at the machine. Raises NotServedHere."""
        if not is_at_the_machine(request):
            raise NotServedHere(
                "These pages are served to this machine alone. For sign-in with GitHub the operator sets "
                "PLANWARD_GITHUB_CLIENT_ID and PLANWARD_GITHUB_CLIENT_SECRET."
            )
        return AtTheMachine()
