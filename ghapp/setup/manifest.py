"""Make the registration of the App, and the address of GitHub's form for it."""

from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ghapp.addresses import web_url
from ghapp.errors import SettingsError
from ghapp.github.app_manifest import AppManifest

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def fill_manifest(manifest: AppManifest, *, name: str, public_url: str, redirect_url: str) -> dict[str, Any]:
    """Return the content of `app.yml`, with the addresses of this installation."""
    return {
        **manifest.document,
        "name": name,
        "url": public_url,
        "hook_attributes": {"url": f"{public_url}/webhooks/github", "active": True},
        "redirect_url": redirect_url,
        "callback_urls": [f"{public_url}/login/callback"],
    }


def form_url(api_url: str, organization: str | None, state: str) -> str:
    """The address to which the manifest is posted, on the GitHub to which `api_url` belongs."""
    owner = f"/organizations/{quote(organization, safe='')}" if organization else ""
    return f"{pages_url(api_url)}{owner}/settings/apps/new?{urlencode({'state': state})}"


def pages_url(api_url: str) -> str:
    """GitHub's own pages: github.com, SUBDOMAIN.ghe.com, or the host of an Enterprise Server.

    Raises SettingsError if the API's address fits none of these.
    """
    parts = urlsplit(api_url)
    pages = web_url(api_url)
    if not parts.path.rstrip("/").endswith("/api/v3") and pages == f"{parts.scheme}://{parts.netloc}":
        raise SettingsError(
            f"PLANWARD_GITHUB_API_URL is {api_url}: set it to https://HOST/api/v3 for GitHub Enterprise Server, "
            "to https://api.SUBDOMAIN.ghe.com for GHE.com, or leave it out for github.com"
        )
    return pages


def require_reachable(public_url: str, api_url: str) -> None:
    """Raises SettingsError if GitHub could not deliver webhooks to `public_url`."""
    if urlsplit(public_url).hostname in _LOOPBACK and urlsplit(api_url).hostname not in _LOOPBACK:
        raise SettingsError(
            f"{public_url} is only on this machine, so GitHub could not deliver there: "
            "give --public-url https://HOST, or set PLANWARD_PUBLIC_URL"
        )
