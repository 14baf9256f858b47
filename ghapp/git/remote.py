"""A remote, and the check that its address may get the token."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ghapp.git.errors import RemoteRefused
from ghapp.git.large_files import FILTER
from ghapp.git.program import environment

_ASK_OPERATOR = "ask the operator to find out what sends Planward such deliveries"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A repository on GitHub: its id, `repository.clone_url` of a signed payload, and an installation token.

    `renew` returns another token after GitHub refused one, or raises the error that ends the fetch.
    """

    repository_id: int
    clone_url: str
    token: str | None = field(default=None, repr=False)
    renew: Callable[[str], Awaitable[str]] | None = None

    def environment(self, allowed_host: str, *, large_files: bool = False) -> dict[str, str]:
        """Return git's environment for this remote.

        Git may use only the remote's protocol, and sends the token only to the remote.

        `large_files`: whether `git lfs` uses the remote, too. `allowed_host` is HOST or HOST:PORT. Raises RemoteRefused
        if the address has another host, is neither https nor http on loopback, or contains credentials.
        """
        scheme = self._checked_scheme(allowed_host)
        settings = {
            # If git followed a redirect, it would send the header to the new address.
            "http.followRedirects": "false",
            "http.lowSpeedLimit": "1000",
            "http.lowSpeedTime": "60",
        }
        if large_files:
            # `git lfs` runs in a temporary repository, which has no remote.
            settings |= {**FILTER, "lfs.url": f"{self.clone_url}/info/lfs"}
        if self.token is not None:
            basic = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
            settings[f"http.{self.clone_url}.extraHeader"] = f"Authorization: Basic {basic}"
        return environment(settings, uses_network=True, GIT_ALLOW_PROTOCOL=scheme)

    def _checked_scheme(self, allowed_host: str) -> str:
        try:
            # urlsplit drops line ends and tabs, but git does not: the two would see different addresses.
            if not self.clone_url.isprintable() or set(self.clone_url) & {" ", "\\"}:
                raise ValueError("not a URL")
            url = urlsplit(self.clone_url)
            host, port = url.hostname or "", url.port
        except ValueError as error:
            raise RemoteRefused(
                f"the repository's clone_url cannot be read as a URL, so nothing was fetched: {_ASK_OPERATOR}"
            ) from error
        if url.username is not None or url.password is not None or url.query or url.fragment:
            raise RemoteRefused(
                f"the repository's clone_url contains more than an address, so nothing was fetched: {_ASK_OPERATOR}"
            )
        if url.scheme not in ("https", "http"):
            raise RemoteRefused(
                f"the repository's clone_url has the scheme {url.scheme[:20]!r}, but Planward fetches only over https: "
                f"{_ASK_OPERATOR}"
            )
        if url.scheme == "http" and host not in _LOOPBACK:
            raise RemoteRefused(
                f"the repository's clone_url is plain http at {host!r}, which is allowed only on loopback: "
                "the operator has to serve GitHub Enterprise over https"
            )
        # If `allowed_host` has no port, only default ports are allowed; on loopback, any port is (tests and the demo).
        usual = port in (None, 443, 80) or host in _LOOPBACK
        name = f"[{host}]" if ":" in host else host
        if allowed_host.casefold() not in ({name, f"{name}:{port}"} if usual else {f"{name}:{port}"}):
            raise RemoteRefused(
                f"the repository's clone_url points at {url.netloc.casefold()!r}, but credentials are only sent "
                f"to {allowed_host!r}: the operator has to check that PLANWARD_GITHUB_API_URL names the "
                "GitHub that sent this delivery"
            )
        return url.scheme
