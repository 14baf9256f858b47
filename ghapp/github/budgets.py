"""The budgets of a process: one per installation, shared by all its calls."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from ghapp.github.budget import (
    Defer,
    Go,
    Pace,
    Priority,
    Reason,
    RequestCost,
    Spending,
    decide,
    record_answer,
    record_refusal,
    record_sent,
    remaining_share,
)
from ghapp.github.errors import GitHubUnavailable

OnDeferred = Callable[[Priority, Reason], None]
"""Called for every request that is deferred."""

_WORDS = {
    "spent": "GitHub accepts no more requests from this installation for the next {wait} s",
    "reserved": "the requests that GitHub still accepts from this installation in the next {wait} s are reserved for "
    "checks",
    "limited": "GitHub limits the rate of requests for the next {wait} s",
    "paced": "Planward's share of GitHub's limits is used up for the next {wait} s",
}


class Budget:
    """The budget of one installation."""

    def __init__(self, budgets: "Budgets") -> None:
        self._budgets = budgets
        self.spending = Spending()

    async def admit(self, cost: RequestCost, doing: str, *, wait_max_s: float) -> None:
        """Return once the request may be made.

        A gate waits for its turn within the limits per minute, for at most a minute. It waits for the end of any other
        limit only if that takes at most `wait_max_s`. Raises GitHubUnavailable if the request has to be made later.
        """
        budgets = self._budgets
        while True:
            now = budgets.now()
            match decide(self.spending, cost, now, budgets.pace):
                case Go(in_s):
                    self.spending = record_sent(self.spending, cost, now + in_s)
                    await budgets.pause(in_s)
                    if self.spending.closed_until <= budgets.now():
                        return
                case Defer(in_s, reason):
                    if cost.priority == "cosmetic" or in_s > wait_max_s:
                        budgets.on_deferred(cost.priority, reason)
                        raise _deferred_error(doing, in_s, reason)
                    await budgets.pause(in_s)

    def answered(self, cost: RequestCost, headers: Mapping[str, str]) -> None:
        """Record what an answer's headers say about the hour's requests."""
        self.spending = record_answer(self.spending, cost, headers, self._budgets.now())

    def refused(self, cost: RequestCost, headers: Mapping[str, str], doing: str) -> GitHubUnavailable:
        """Record that GitHub limits all calls of the installation. Returns the error for this one."""
        now = self._budgets.now()
        self.spending = record_refusal(self.spending, headers, now)
        self._budgets.on_deferred(cost.priority, "limited")
        return _deferred_error(doing, self.spending.closed_until - now, "limited")


class Budgets:
    """The budgets by payer. `pause` sleeps for the given number of seconds, by the clock that `now` reads."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pace: Pace | None = None,
        on_deferred: OnDeferred | None = None,
    ) -> None:
        self.now = now
        self.pause = pause
        self.pace = pace or Pace()
        self.on_deferred = on_deferred or (lambda priority, reason: None)
        self._by_payer: dict[str, Budget] = {}

    def of(self, payer: str) -> Budget:
        """The budget of one installation, or of the App itself."""
        return self._by_payer.setdefault(payer, Budget(self))

    def left(self) -> float:
        """The share of the hour's requests that is left, from 0 to 1, in the budget with the least."""
        now = self.now()
        return min((remaining_share(each.spending, now) for each in self._by_payer.values()), default=1.0)


def _deferred_error(doing: str, wait_s: float, reason: Reason) -> GitHubUnavailable:
    """The error for a request that was not sent, or that GitHub refused because of a limit.

    It may be tried again after `wait_s` seconds.
    """
    words = _WORDS[reason].format(wait=max(1, round(wait_s)))
    return GitHubUnavailable(f"{words}, so Planward could not {doing}", retry_after_s=wait_s, may_have_happened=False)
