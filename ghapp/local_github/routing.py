"""Find the handler of a request, and split a long list into pages: routes, calls and replies of the REST API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from ghapp.local_github.access import Actor, AppJwt, ClientCredentials, InstallationAccess, actor_account, require
from ghapp.local_github.errors import ApiError, Moved, not_accessible, not_found
from ghapp.local_github.state import JSON, Account, App, Installation, Repository
from ghapp.local_github.world import World

VERSIONS = ("2022-11-28", "2026-03-10")
NEWEST = "2026-03-10"

Item = TypeVar("Item")


@dataclass(slots=True, kw_only=True)
class Reply:
    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Call:
    """One authenticated request. `repository` has been checked against the route's permission."""

    world: World
    actor: Actor
    version: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: JSON
    permission: str

    @cached_property
    def repository(self) -> Repository:
        full_name = f"{self.params['owner']}/{self.params['repo']}" if "owner" in self.params else None
        found = self.world.find_repository(full_name) if full_name else self._by_id()
        if found is None and full_name and full_name.lower() in self.world.former_names:
            number = self.world.former_names[full_name.lower()]
            rest = self.path.split("/", 4)[4:]
            raise Moved("/".join([f"{self.world.api_url}/repositories/{number}", *rest]))
        if found is None:
            raise not_found()
        permission, _, level = self.permission.partition(":")
        require(self.world, self.actor, found, permission, level)
        if found.archived and level == "write":
            raise ApiError(403, "Repository was archived so is read-only.")
        return found

    def _by_id(self) -> Repository | None:
        number = self.params.get("repository_id", "")
        return self.world.repositories.get(int(number)) if number.isdigit() else None

    @property
    def account(self) -> Account:
        return actor_account(self.actor)

    @property
    def app(self) -> App:
        """The App that a JWT, a client secret or an installation token belongs to. Raises 401 for anyone else."""
        match self.actor:
            case AppJwt(app) | ClientCredentials(app):
                return app
            case InstallationAccess(token):
                return token.installation.app
        raise ApiError(401, "A JSON web token could not be decoded")

    @property
    def installation(self) -> Installation:
        if not isinstance(self.actor, InstallationAccess):
            raise not_accessible()
        return self.actor.token.installation

    def commit(self, revision: str) -> str:
        """Return the commit that a SHA or branch names. Raises 422 "No commit found for SHA", as GitHub does."""
        sha = self.repository.git.resolve(revision)
        if sha is None:
            raise ApiError(422, f"No commit found for SHA: {revision}")
        return sha

    def page(
        self, items: Sequence[Any], serialize: Callable[[Any], JSON], *, wrapped: str | None = None, **more: Any
    ) -> Reply:
        """Return one page of a list, with `Link`. A wrapped list has a `total_count`, which covers all pages."""
        found, headers = self.page_of(items)
        shown = [serialize(item) for item in found]
        body = shown if wrapped is None else {"total_count": len(items), **more, wrapped: shown}
        return Reply(body=body, headers=headers)

    @property
    def page_number(self) -> int:
        return max(_number(self.query.get("page"), 1), 1)

    def page_of(self, items: Sequence[Item]) -> tuple[Sequence[Item], dict[str, str]]:
        """Return the items of the requested page, and the headers that lead to the other pages."""
        size = min(max(_number(self.query.get("per_page"), 30), 1), 100)
        number = self.page_number
        last = max(-(-len(items) // size), 1)
        links = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        wanted = [
            name
            for name in links
            if (name in ("prev", "first") and number > 1) or (name in ("next", "last") and number < last)
        ]
        link = ", ".join(f'<{self._page_url(links[name])}>; rel="{name}"' for name in wanted)
        return items[(number - 1) * size : number * size], {"Link": link} if link else {}

    def _page_url(self, number: int) -> str:
        query = {name: value for name, value in self.query.items() if name != "page"}
        return f"{self.world.api_url}{self.path}?{urlencode({**query, 'page': number})}"


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdigit() else default


Handler = Callable[[Call], Reply]
Kind = Literal["any", "app", "installation", "client"]


@dataclass(frozen=True, slots=True)
class Route:
    """A route. It needs `permission` (`NAME:LEVEL`) in the repository of the path, and a credential of this `kind`."""

    method: str
    pattern: str
    handler: Handler
    permission: str = "metadata:read"
    kind: Kind = "any"


class Router:
    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = [(route, _compile(route.pattern)) for route in routes]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        for route, pattern in self._routes:
            if route.method == method and (match := pattern.fullmatch(path)):
                return route, match.groupdict()
        if path.startswith("/repositories/"):
            for route, pattern in self._routes:
                params = _by_id(route, pattern, path) if route.method == method else None
                if params is not None:
                    return route, params
        return None


def _compile(pattern: str) -> re.Pattern[str]:
    text = re.sub(r"\{(\w+):path\}", r"(?P<\1>.+)", pattern)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", text))


def _by_id(route: Route, pattern: re.Pattern[str], path: str) -> dict[str, str] | None:
    """Match `/repositories/ID/…`, to which redirects lead after a rename, with a route for `/repos/O/R/…`."""
    if not route.pattern.startswith("/repos/{owner}/{repo}"):
        return None
    _, _, number, *rest = path.split("/")
    match = pattern.fullmatch("/".join(["/repos/-/-", *rest]))
    if match is None:
        return None
    found = {name: value for name, value in match.groupdict().items() if name not in ("owner", "repo")}
    return {**found, "repository_id": number}


def check_kind(route: Route, actor: Actor) -> None:
    if route.kind == "app" and not isinstance(actor, AppJwt):
        raise ApiError(401, "A JSON web token could not be decoded")
    if route.kind == "installation" and not isinstance(actor, InstallationAccess):
        raise ApiError(
            403,
            "You must authenticate with an installation access token in order to list repositories for an"
            " installation.",
        )
    if (route.kind == "client") is not isinstance(actor, ClientCredentials):
        raise ApiError(
            404 if route.kind == "client" else 401, "Not Found" if route.kind == "client" else "Bad credentials"
        )
    if route.kind != "app" and isinstance(actor, AppJwt):
        raise ApiError(401, "A JSON web token could not be decoded")
