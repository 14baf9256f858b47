"""The rate limits of each credential: per hour, per minute, and for concurrent requests.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field

from ghapp.local_github.errors import ApiError
from ghapp.local_github.world import World

_HOUR_S = 3600
_PAGE = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
_READS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a credential; None means no limit.

    Without `requests_an_hour`, answers have no rate limit headers, as on Enterprise Server. A refusal by a secondary
    limit carries `retry_after_s`, and every request of the credential is refused for that long. `hour_s` is the hour of
    `requests_an_hour`: a test that cannot move the clock shortens it.
    """

    requests_an_hour: int | None = 15_000
    points_a_minute: int | None = None
    creations_a_minute: int | None = None
    creations_an_hour: int | None = None
    at_once: int | None = None
    retry_after_s: int = 60
    hour_s: int = 3600


DOCUMENTED = Limits(
    requests_an_hour=5_000, points_a_minute=900, creations_a_minute=80, creations_an_hour=500, at_once=100
)
"""github.com's documented limits for an installation. It is not documented which POSTs create content; here, all do."""


@dataclass(slots=True)
class _Account:
    began_at: float = -math.inf
    used: int = 0
    at_once: int = 0
    blocked_until: float = -math.inf
    requests: deque[tuple[float, int, int]] = field(default_factory=deque)


class Meter:
    """How much each credential has used. Its hour begins with its first request.

    Hold `world.lock` to call any method.
    """

    def __init__(self, world: World, limits: Limits) -> None:
        self._world = world
        self.limits = limits
        self.own: dict[str, Limits] = {}
        """The credentials that have limits of their own."""
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)

    def limits_of(self, key: str) -> Limits:
        """Return the limits of a credential."""
        return self.own.get(key, self.limits)

    def of(self, key: str) -> tuple[int, int, int] | None:
        """Return (limit, remaining, reset as epoch seconds), or None if there is no limit."""
        limits = self.limits_of(key)
        if limits.requests_an_hour is None:
            return None
        account = self._current(key)
        limit = limits.requests_an_hour if key else 60
        return limit, max(limit - account.used, 0), math.ceil(account.began_at) + limits.hour_s

    def restart(self, key: str, limits: Limits) -> None:
        """Give one credential its own limits, and start its hour again."""
        self.own[key] = limits
        self._accounts.pop(key, None)

    def count(self, key: str) -> None:
        """Count a request against the hour."""
        self._current(key).used += 1

    def begin(self, key: str) -> None:
        """Record the start of a request; `end` records its end."""
        self._accounts[key].at_once += 1

    def end(self, key: str) -> None:
        """Record that a request was answered."""
        self._accounts[key].at_once -= 1

    def admit(self, key: str, method: str, *, creates: bool) -> None:
        """Admit a request. Raises ApiError 403 if a limit is reached."""
        found = self.of(key)
        if found is not None and found[1] == 0:
            who = key.replace("installation", "installation ID") or "this address"
            raise ApiError(403, f"API rate limit exceeded for {who}.", documentation_url=_PAGE)
        account, now, limits = self._accounts[key], self._world.now().timestamp(), self.limits_of(key)
        points = 1 if method in _READS else 5
        while account.requests and account.requests[0][0] <= now - _HOUR_S:
            account.requests.popleft()
        minute = [each for each in account.requests if each[0] > now - 60]
        use = (
            (account.at_once, limits.at_once),
            (sum(each[1] for each in minute) + points, limits.points_a_minute),
            (sum(each[2] for each in minute) + creates, limits.creations_a_minute if creates else None),
            (sum(each[2] for each in account.requests) + creates, limits.creations_an_hour if creates else None),
        )
        if account.blocked_until <= now and any(limit is not None and used > limit for used, limit in use):
            account.blocked_until = now + limits.retry_after_s
        if account.blocked_until > now:
            raise ApiError(
                403,
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
                documentation_url=f"{_PAGE}#about-secondary-rate-limits",
                headers={"Retry-After": str(math.ceil(account.blocked_until - now))},
            )
        account.requests.append((now, points, int(creates)))

    def _current(self, key: str) -> _Account:
        account, now = self._accounts[key], self._world.now().timestamp()
        if now >= account.began_at + self.limits_of(key).hour_s:
            account.began_at, account.used = now, 0
        return account
