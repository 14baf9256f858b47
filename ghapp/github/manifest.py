"""The last step of GitHub's manifest flow: exchange a code for the App's credentials.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import httpx
from msgspec import Struct

from ghapp.foreign_json import UnreadableJson, read_json
from ghapp.github.errors import GitHubRefused, GitHubUnavailable
from ghapp.github.failures import read_words
from ghapp.github.wire import connections

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredApp:
    """A newly registered App, with everything that GitHub returns only once."""

    id: int
    name: str
    html_url: str
    client_id: str
    client_secret: str = field(repr=False)
    private_key: str = field(repr=False)
    webhook_secret: str | None = field(repr=False)
    """None if GitHub created none."""


class _Registered(Struct):
    id: int
    name: str
    html_url: str
    client_id: str
    client_secret: str
    pem: str
    webhook_secret: str | None = None


async def exchange_code(api_url: str, api_version: str, code: str) -> RegisteredApp:
    """Exchange the code of a manifest flow. This works once, and within an hour.

    Raises GitHubRefused if GitHub refuses the code, GitHubUnavailable if it does not answer.
    """
    url = f"{api_url}/app-manifests/{quote(code, safe='')}/conversions"
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": api_version}
    async with httpx.AsyncClient(transport=connections(api_url), timeout=_TIMEOUT_S) as client:
        try:
            answer = await client.post(url, headers=headers)
        except httpx.HTTPError:
            raise GitHubUnavailable(f"GitHub ({urlsplit(api_url).hostname}) could not be reached") from None
    if answer.status_code == 404:
        raise GitHubRefused(
            "GitHub does not know the code: it can be used only once, within an hour; start again", status=404
        )
    if not answer.is_success:
        words = read_words(answer.content)
        raise GitHubRefused(f"GitHub refused the code ({answer.status_code}): {words}", status=answer.status_code)
    try:
        registered = read_json(answer.content, _Registered)
    except UnreadableJson:
        raise GitHubUnavailable("GitHub's answer cannot be read; check PLANWARD_GITHUB_API_URL") from None
    return RegisteredApp(
        id=registered.id,
        name=registered.name,
        html_url=registered.html_url,
        client_id=registered.client_id,
        client_secret=registered.client_secret,
        private_key=registered.pem,
        webhook_secret=registered.webhook_secret or None,
    )
