"""Decide which requests GitHub allows now. Pure: GitHub's answers and the time are arguments.

GitHub's headers say how many of the hour's requests are left. Some of these are reserved for gates. GitHub also limits
the requests of each minute, but its headers do not say how many are left. So this module counts them and applies the
documented limits. There is also an hourly limit on created content, but GitHub does not say which requests count. Here,
only requests that notify people count: if check runs counted, they would delay the comments. After GitHub has refused a
call because of a limit, Planward makes no call for that installation until the limit is over.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

Priority = Literal["gate", "cosmetic"]
""""gate": something depends on the request (check runs, a person's role, deployments, the comment of a failed apply).
"cosmetic": it may come later (progress, other comments, the periodic comparison with GitHub)."""

Reason = Literal["spent", "reserved", "limited", "paced"]
"""Why a request has to wait. "spent": the hour's requests are used up. "reserved": those that are left are for gates.
"limited": GitHub refused a request because of a limit. "paced": a limit per minute or on notifications is reached."""

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_DEFAULT_WAIT_S: Final = 60.0
_LONGEST_DEFAULT_WAIT_S: Final = 960.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The limits for one installation. GitHub does not say which requests create content, so each POST counts.

    Cosmetic requests may use only the fraction `share` of each limit, except that comments may use the limits per
    minute fully. The fraction `reserve` of the hour's requests is left to gates. A gate's request is sent even above
    the hour's limit on notifications: GitHub may refuse it, but waiting for an hour would be worse.
    """

    points_a_minute: int = 900
    creations_a_minute: int = 80
    notifications_an_hour: int = 500
    share: float = 0.75
    reserve: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The current hour of GitHub's count, from its last answer; `reset_at` is in seconds since 1970."""

    limit: int
    remaining: int
    reset_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCost:
    """The cost of a request: its points in the limit per minute, whether it creates content, and whether it notifies
    people."""

    priority: Priority
    points: int
    creates: bool
    notifies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The recent requests of one installation, and what GitHub said about its limits.

    Without a `window`, GitHub has no hourly limit or has not reported it yet. Nothing is sent before `closed_until`.
    `refusals` counts the refusals since the last request that created something.
    """

    window: Window | None = None
    closed_until: float = 0.0
    refusals: int = 0
    sent: tuple[tuple[float, RequestCost], ...] = ()


@dataclass(frozen=True, slots=True)
class Go:
    """The request may be sent in `in_s` seconds. The caller has to record it with that time (`record_sent`)."""

    in_s: float


@dataclass(frozen=True, slots=True)
class Defer:
    """The request may not be sent now, and is not counted. Ask again in `in_s` seconds."""

    in_s: float
    reason: Reason


def decide(spending: Spending, cost: RequestCost, now: float, pace: Pace) -> Go | Defer:
    """Decide when a request may be sent. If the minute is full, a gate waits and a cosmetic request is deferred."""
    if spending.closed_until > now:
        return Defer(spending.closed_until - now, "limited")
    window = spending.window
    if window is None:
        return Go(0.0)
    if window.reset_at > now:
        if window.remaining <= 0:
            return Defer(window.reset_at - now, "spent")
        if cost.priority == "cosmetic" and window.remaining <= window.limit * pace.reserve:
            return Defer(window.reset_at - now, "reserved")
    at = _earliest(spending, cost, now, pace)
    if at <= now:
        return Go(0.0)
    # Gates take turns in the order in which they ask. A gate that would wait longer than a minute is deferred, too.
    return Go(at - now) if cost.priority == "gate" and at - now <= _MINUTE_S else Defer(at - now, "paced")


def record_sent(spending: Spending, cost: RequestCost, at: float) -> Spending:
    """Count a request for the time when it is sent, which may be up to a minute ahead."""
    hour_s = _MINUTE_S if spending.window is None else _HOUR_S
    recent = [each for each in spending.sent if each[0] > at - _MINUTE_S - (hour_s if each[1].notifies else _MINUTE_S)]
    return replace(spending, sent=(*recent, (at, cost)))


def record_answer(spending: Spending, cost: RequestCost, headers: Mapping[str, str], now: float) -> Spending:
    """Record an answer that is not a refusal because of a rate limit.

    Its headers say how many of the hour's requests are left.
    """
    refusals = 0 if cost.creates else spending.refusals
    return replace(spending, window=_window(spending.window, headers, now), refusals=refusals)


def record_refusal(spending: Spending, headers: Mapping[str, str], now: float) -> Spending:
    """Record a refusal because of a rate limit.

    Nothing is sent for as long as `Retry-After` says. Without that header, nothing is sent until the end of the hour if
    the hour's requests are used up. Otherwise nothing is sent for a minute. Each further refusal doubles that time, up
    to 16 minutes.
    """
    window = _window(spending.window, headers, now)
    wait_s = min(_DEFAULT_WAIT_S * 2**spending.refusals, _LONGEST_DEFAULT_WAIT_S)
    if "Retry-After" in headers:
        wait_s = float(headers["Retry-After"])
    elif window is not None and headers.get("X-RateLimit-Remaining") == "0" and window.reset_at > now:
        wait_s = window.reset_at - now
    until = max(spending.closed_until, now + wait_s)
    return replace(spending, window=window, closed_until=until, refusals=spending.refusals + 1)


def remaining_share(spending: Spending, now: float) -> float:
    """The share of the hour's requests that is left, from 0 to 1."""
    window = spending.window
    return 1.0 if window is None or window.reset_at <= now else window.remaining / max(window.limit, 1)


def _window(known: Window | None, headers: Mapping[str, str], now: float) -> Window | None:
    values = [headers.get(f"X-RateLimit-{name}", "") for name in ("Limit", "Remaining", "Reset")]
    if headers.get("X-RateLimit-Resource", "core") != "core" or not all(each.isdecimal() for each in values):
        return known
    limit, remaining, reset_at = map(int, values)
    if known is not None and reset_at <= now:
        return known  # the answer was delayed, and reports an hour that is over
    if known is not None and (reset_at, limit) == (known.reset_at, known.limit):
        remaining = min(remaining, known.remaining)
    return Window(limit=limit, remaining=remaining, reset_at=reset_at)


def _earliest(spending: Spending, cost: RequestCost, now: float, pace: Pace) -> float:
    """The first time at which the request is within every limit."""
    share = 1.0 if cost.priority == "gate" or cost.notifies else pace.share
    points = [(at, each.points) for at, each in spending.sent]
    moments = [_first(points, cost.points, pace.points_a_minute * share, _MINUTE_S)]
    if cost.creates:
        creations = [(at, 1) for at, each in spending.sent if each.creates]
        moments.append(_first(creations, 1, pace.creations_a_minute * share, _MINUTE_S))
    if cost.notifies and cost.priority == "cosmetic":
        notifications = [(at, 1) for at, each in spending.sent if each.notifies]
        moments.append(_first(notifications, 1, pace.notifications_an_hour * pace.share, _HOUR_S))
    return max(now, *moments)


def _first(used: Sequence[tuple[float, int]], more: int, most: float, period_s: float) -> float:
    """The first time when `more` fits into the limit of `most` per period, given the earlier uses."""
    total = float(more)
    for at, amount in sorted(used, reverse=True):
        total += amount
        if total > most:
            return at + period_s
    return 0.0
