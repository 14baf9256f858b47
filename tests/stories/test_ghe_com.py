"""GitHub with data residency: the API has one host (api.TENANT.ghe.com), pages and repositories another."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from tests.named_hosts import NamedHosts, named_hosts
from tests.openbao import OpenBao
from tests.stories.line import Line, running_line

_WEB, _API = "acme.ghe.com", "api.acme.ghe.com"


@dataclass(kw_only=True)
class GheLine(Line):
    """A line in which people's clients use the local GitHub directly, and only Planward uses the proxy."""

    loopback: str = ""

    def rest(self, login: str) -> httpx.Client:
        """A person's REST client."""
        if login not in self.clients:
            client = self.github.rest(login)
            client.base_url = httpx.URL(f"{self.loopback}/api/v3")
            self.clients[login] = client
        return self.clients[login]


@pytest.fixture
def hosts() -> list[NamedHosts]:
    """The hosts of `ghe`, once it runs."""
    return []


@pytest.fixture
def ghe(tmp_path: Path, hosts: list[NamedHosts]) -> Iterator[Line]:
    """A line whose GitHub is called acme.ghe.com. Requests of Planward to any other host over HTTPS are refused."""
    loopback = ""

    @contextmanager
    def between(github: LocalGitHub, bao: OpenBao) -> Iterator[Mapping[str, str]]:
        nonlocal loopback
        loopback = github.url
        with named_hosts(tmp_path, {_WEB: loopback, _API: f"{loopback}/api/v3"}) as named:
            hosts.append(named)
            github.world.url, github.world.own_api_url = f"https://{_WEB}", f"https://{_API}"
            yield named.environ

    def line(**options: object) -> GheLine:
        return GheLine(loopback=loopback, **options)  # type: ignore[arg-type]

    with running_line(tmp_path, between, line_type=line) as running:
        yield running


def test_with_an_api_of_ghe_com_the_repository_is_fetched_planned_and_applied(
    ghe: Line, hosts: list[NamedHosts]
) -> None:
    assert ghe.environ["PLANWARD_GITHUB_API_URL"] == f"https://{_API}"
    story = ghe.story()
    merged = story.land(story.propose())
    assert story.applied(merged)["conclusion"] == "success"
    fetched = f"/{story.name}.git/git-upload-pack"
    assert (_WEB, fetched) in hosts[0].requests
    assert {host for host, path in hosts[0].requests if path == fetched} == {_WEB}
    assert hosts[0].refused == []
