"""Derive GitHub's web address and git host from the root of its API, and tell whether a host is this machine."""

import ipaddress
import re
from urllib.parse import urlsplit

OWNER_AND_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
"""A repository as people write it: OWNER/REPO."""


def web_url(api_url: str) -> str:
    """The address of this GitHub's pages: `https://api.github.com` → `https://github.com`,
    `https://api.TENANT.ghe.com` → `https://TENANT.ghe.com`, `https://HOST/api/v3` → `https://HOST`.

    https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/network-details-for-ghecom
    """
    parts = urlsplit(api_url)
    host = parts.netloc.casefold()
    if parts.hostname == "api.github.com" or (parts.hostname or "").endswith(".ghe.com"):
        host = host.removeprefix("api.")
    return f"{parts.scheme}://{host}"


def git_host(api_url: str) -> str:
    """The only host (HOST or HOST:PORT) from which git fetches, and the only one to which git sends a token.

    On loopback, the result has no port, and any port is allowed. On any other host, no port means a default port.
    """
    parts = urlsplit(web_url(api_url))
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    return name if is_loopback(host) or parts.port is None else f"{name}:{parts.port}"


def is_loopback(host: str) -> bool:
    """Whether the host of an address is this machine's loopback, which no other machine can reach."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
