"""What may be asked of GitHub now: decided over values. GitHub's answers, and the time, are told.

GitHub counts the hour's requests, in the headers of its answers; a reserve of them belongs to gates. It does not say
what it counts by the minute, so that is counted here, as far as it is documented. Of the content that it lets an
installation create in an hour only what notifies people is counted here: GitHub does not say which requests it means,
and an hour's worth of check runs would keep the comments waiting. Once it refused a call, no call of that installation
is made until it is willing again.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

Priority = Literal["gate", "cosmetic"]
"""Whether something depends on it (check runs, roles, deployments, the comment of a failed apply), or it may come later
(progress, other comments, comparisons)."""

Reason = Literal["spent", "reserved", "limited", "paced"]
"""Why it has to wait: the hour is spent, or its rest is for gates; GitHub refused a request; the minute is full."""

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_UNTOLD_S: Final = 60.0
_LONGEST_UNTOLD_S: Final = 960.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What GitHub lets one installation do before it refuses. Which requests create content it does not say: each POST.

    Cosmetic requests take `share` of it at most, and leave `reserve` of the hour's requests alone; of the minute,
    comments may take all. The hour's notifications hold no gate back: GitHub would refuse it, and an hour is long.
    """

    points_a_minute: int = 900
    creations_a_minute: int = 80
    notifications_an_hour: int = 500
    share: float = 0.75
    reserve: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The hour in which GitHub counts, as it was answered last; `reset_at` in seconds since 1970."""

    limit: int
    remaining: int
    reset_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCost:
    """What a request counts for: points by the minute, whether it creates content, and whether that notifies people."""

    priority: Priority
    points: int
    creates: bool
    notifies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What one installation has spent. Without a window GitHub does not limit, or has not said so yet."""

    window: Window | None = None
    closed_until: float = 0.0
    refusals: int = 0
    sent: tuple[tuple[float, RequestCost], ...] = ()


@dataclass(frozen=True, slots=True)
class Go:
    """It may be sent in so many seconds, and is counted there."""

    in_s: float


@dataclass(frozen=True, slots=True)
class Defer:
    """It may not be sent before so many seconds are over, and is not counted."""

    in_s: float
    reason: Reason


def decide(spending: Spending, cost: RequestCost, now: float, pace: Pace) -> Go | Defer:
    """Whether a request may be sent now. A gate waits for its turn in the minute; a cosmetic request is deferred."""
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
    # Places are given in the order of asking; beyond a minute's worth of them it is better to come back.
    return Go(at - now) if cost.priority == "gate" and at - now <= _MINUTE_S else Defer(at - now, "paced")


def sent(spending: Spending, cost: RequestCost, at: float) -> Spending:
    """Count a request that is sent then, up to a minute ahead."""
    hour_s = _MINUTE_S if spending.window is None else _HOUR_S
    recent = [each for each in spending.sent if each[0] > at - _MINUTE_S - (hour_s if each[1].notifies else _MINUTE_S)]
    return replace(spending, sent=(*recent, (at, cost)))


def answered(spending: Spending, cost: RequestCost, headers: Mapping[str, str], now: float) -> Spending:
    """Take in what an answer that is no refusal says of the hour."""
    refusals = 0 if cost.creates else spending.refusals
    return replace(spending, window=_window(spending.window, headers, now), refusals=refusals)


def refused(spending: Spending, headers: Mapping[str, str], now: float) -> Spending:
    """Take in that GitHub limits the rate: `Retry-After`, else the end of the hour if it is spent, else ever longer."""
    window = _window(spending.window, headers, now)
    wait_s = min(_UNTOLD_S * 2**spending.refusals, _LONGEST_UNTOLD_S)
    if "Retry-After" in headers:
        wait_s = float(headers["Retry-After"])
    elif window is not None and headers.get("X-RateLimit-Remaining") == "0" and window.reset_at > now:
        wait_s = window.reset_at - now
    until = max(spending.closed_until, now + wait_s)
    return replace(spending, window=window, closed_until=until, refusals=spending.refusals + 1)


def left(spending: Spending, now: float) -> float:
    """How much of the hour is left, from 0 to 1."""
    window = spending.window
    return 1.0 if window is None or window.reset_at <= now else window.remaining / max(window.limit, 1)


def _window(known: Window | None, headers: Mapping[str, str], now: float) -> Window | None:
    told = [headers.get(f"X-RateLimit-{name}", "") for name in ("Limit", "Remaining", "Reset")]
    if headers.get("X-RateLimit-Resource", "core") != "core" or not all(each.isdecimal() for each in told):
        return known
    limit, remaining, reset_at = map(int, told)
    if known is not None and reset_at <= now:
        return known  # an answer that was long on its way
    if known is not None and (reset_at, limit) == (known.reset_at, known.limit):
        remaining = min(remaining, known.remaining)
    return Window(limit=limit, remaining=remaining, reset_at=reset_at)


def _earliest(spending: Spending, cost: RequestCost, now: float, pace: Pace) -> float:
    """The first moment at which the request is within every count."""
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
    """When `more` fits into `most` of a period, given what was used when."""
    total = float(more)
    for at, amount in sorted(used, reverse=True):
        total += amount
        if total > most:
            return at + period_s
    return 0.0
