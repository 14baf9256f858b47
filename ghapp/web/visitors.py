"""The visitor of a page, and the repositories whose runs they may see."""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request

from ghapp.addresses import is_loopback
from ghapp.store import KnownRepository

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


class NotServedHere(Exception):
    """The visitor may not see the pages. The message says why, and what the operator can do."""


class Visitor(Protocol):
    """A person who may see pages."""

    @property
    def login(self) -> str | None:
        """The GitHub login of a signed-in person."""
        ...

    async def readable(self, repositories: Sequence[KnownRepository]) -> tuple[KnownRepository, ...]:
        """The repositories whose runs they may see."""
        ...


class Admission(Protocol):
    """Identifies the sender of a request."""

    async def visitor(self, request: Request) -> Visitor:
        """The visitor. If it raises an exception, that becomes the answer."""
        ...


class AtTheMachine:
    """A person at the machine itself, who could read the database anyway."""

    login: str | None = None

    async def readable(self, repositories: Sequence[KnownRepository]) -> tuple[KnownRepository, ...]:
        """All repositories."""
        return tuple(repositories)


def is_at_the_machine(request: Request) -> bool:
    """Whether the request comes from loopback and is addressed to loopback.

    The client's address alone is not enough: another site may make its own name resolve to this machine (DNS
    rebinding), and a proxy on this machine sends everybody's requests.
    """
    client = request.client.host if request.client is not None else ""
    asked = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    passed_on = any(name in request.headers for name in _FORWARDED)
    return is_loopback(client) and is_loopback(asked) and not passed_on


class LoopbackOnly:
    """The admission without sign-in: only the machine itself may see the pages."""

    async def visitor(self, request: Request) -> Visitor:
        """Admit visitors at the machine. Raises NotServedHere."""
        if not is_at_the_machine(request):
            raise NotServedHere(
                "These pages are only available on the server itself. To enable sign-in with GitHub, set "
                "PLANWARD_GITHUB_CLIENT_ID and PLANWARD_GITHUB_CLIENT_SECRET."
            )
        return AtTheMachine()
