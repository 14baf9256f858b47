"""Where a GitHub is seen and fetched from, given the root of its API."""

from urllib.parse import urlsplit


def web_url(api_url: str) -> str:
    """Where people see this GitHub: `https://api.github.com` → `https://github.com`, `https://HOST/api/v3` → its host.

    https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/network-details-for-ghecom
    """
    parts = urlsplit(api_url)
    host = parts.netloc
    if parts.hostname == "api.github.com" or (parts.hostname or "").endswith(".ghe.com"):
        host = host.removeprefix("api.")
    return f"{parts.scheme}://{host}"


def git_host(api_url: str) -> str:
    """The only host that is fetched from and that gets a token."""
    return urlsplit(web_url(api_url)).hostname or ""
