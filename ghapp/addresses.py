"""Addresses: where a GitHub is seen and fetched from, given the root of its API; and what is this very machine."""

import ipaddress
import re
from urllib.parse import urlsplit

OWNER_AND_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
"""A repository as people write it: OWNER/REPO."""


def web_url(api_url: str) -> str:
    """Where people see this GitHub: `https://api.github.com` → `https://github.com`, `https://api.TENANT.ghe.com` →
    `https://TENANT.ghe.com`, `https://HOST/api/v3` → `https://HOST`.

    https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/network-details-for-ghecom
    """
    parts = urlsplit(api_url)
    host = parts.netloc.casefold()
    if parts.hostname == "api.github.com" or (parts.hostname or "").endswith(".ghe.com"):
        host = host.removeprefix("api.")
    return f"{parts.scheme}://{host}"


def git_host(api_url: str) -> str:
    """The only host (HOST or HOST:PORT) that is fetched from and that gets a token; on loopback with any port."""
    parts = urlsplit(web_url(api_url))
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    return name if is_loopback(host) or parts.port is None else f"{name}:{parts.port}"


def is_loopback(host: str) -> bool:
    """Whether a host, as it stands in an address, is this machine and nobody else can reach it."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
