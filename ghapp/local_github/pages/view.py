"""One request for a page: its viewer, its parameters, and the kinds of answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ghapp.local_github.access import Anonymous, Person, has_role, require
from ghapp.local_github.errors import ApiError, not_found
from ghapp.local_github.state import Account, PullRequest, Repository
from ghapp.local_github.world import World, find_pull

VIEWER_COOKIE = "local_github_viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A template and its values."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """The page to show next. `message`, the reason for a refusal, is shown on it."""

    url: str
    message: str | None = None
    cookie: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """An answer to a program: JSON if it accepts that, otherwise form-encoded."""

    body: Mapping[str, Any]


Answer = Page | Redirect | Data


@dataclass(kw_only=True)
class View:
    world: World
    viewer: Account | None
    params: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def actor(self) -> Person | Anonymous:
        return Anonymous() if self.viewer is None else Person(self.viewer)

    @property
    def account(self) -> Account:
        """The person who acts. Raises 401 if nobody is chosen."""
        if self.viewer is None:
            raise ApiError(401, "Choose in the header who you are.")
        return self.viewer

    @cached_property
    def repository(self) -> Repository:
        full_name = f"{self.params['owner']}/{self.params['repo']}"
        found = self.world.find_repository(full_name)
        if found is None and full_name.lower() in self.world.former_names:
            found = self.world.repositories.get(self.world.former_names[full_name.lower()])
        if found is None:
            raise not_found()
        require(self.world, self.actor, found, "metadata", "read")
        return found

    @property
    def pull(self) -> PullRequest:
        return find_pull(self.repository, self.params["number"])

    @property
    def may_write(self) -> bool:
        return self.viewer is not None and has_role(self.world, self.viewer, self.repository, "write")

    def require_role(self, role: str) -> None:
        """Raises 403 if the viewer does not have at least this role."""
        if not has_role(self.world, self.account, self.repository, role):
            raise ApiError(403, f"{self.account.login} needs the role {role} in {self.repository.full_name} for that.")

    @property
    def home(self) -> str:
        return f"/{self.repository.full_name}"


Handler = Callable[[View], Answer]


@dataclass(frozen=True, slots=True)
class PageRoute:
    method: str
    path: str
    handler: Handler
