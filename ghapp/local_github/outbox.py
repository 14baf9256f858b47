"""All deliveries in the order of their creation, and a test's rules for sending them."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ghapp.local_github.state import Delivery

RuleKind = Literal["hold", "lose", "duplicate", "hide"]


@dataclass(slots=True, kw_only=True)
class DeliveryRule:
    """A fault for the next `times` deliveries with this event and action.

    If `times` is None, it applies to all of them. If `event` or `action` is None, any fits.
    """

    kind: RuleKind
    event: str | None
    action: str | None
    times: int | None

    def applies(self, delivery: Delivery) -> bool:
        """Whether the rule applies to this delivery. If so, the delivery is counted."""
        if self.times == 0 or self.event not in (None, delivery.event) or self.action not in (None, delivery.action):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Outbox:
    """The deliveries. Hold `World.lock` to call any method but `next`, `sent`, `wait` and `close`."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.held: list[Delivery] = []
        self._rules: list[DeliveryRule] = []
        self._queue: queue.Queue[Delivery | None] = queue.Queue()

    def put(self, delivery: Delivery) -> bool:
        """Store a new delivery, and send or hold it as the rules say. Returns whether it is to be sent twice."""
        self.deliveries.append(delivery)
        delivery.hidden = any(rule.applies(delivery) for rule in self._rules if rule.kind == "hide")
        kind = next((rule.kind for rule in self._rules if rule.kind != "hide" and rule.applies(delivery)), None)
        if kind == "hold":
            self.held.append(delivery)
        else:
            delivery.lost = kind == "lose"
            self._queue.put(delivery)
        return kind == "duplicate"

    def put_again(self, delivery: Delivery) -> None:
        """Store and send a redelivery, which no rule stops."""
        self.deliveries.append(delivery)
        self._queue.put(delivery)

    def close(self) -> None:
        """Make `next` return None after the deliveries that are queued now."""
        self._queue.put(None)

    def next(self) -> Delivery | None:
        """Wait for the next delivery to send. Returns None if there will be no more."""
        return self._queue.get()

    def sent(self) -> None:
        """Record that the delivery from `next` was sent, or failed."""
        self._queue.task_done()

    def wait(self, timeout_s: float) -> None:
        """Return once every delivery that is not held back was sent. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{self._queue.unfinished_tasks} deliveries are still under way")
                self._queue.all_tasks_done.wait(left)

    # -- rules -----------------------------------------------------------------------------------------------------

    def add_rule(self, rule: DeliveryRule) -> None:
        self._rules.append(rule)

    def release(self, choose: Callable[[list[Delivery]], list[Delivery]]) -> None:
        """Send the deliveries that were held back, in the order of `choose`, and hold none back from now on."""
        self._drop_rules("hold")
        held, self.held = self.held, []
        for delivery in choose(held):
            self._queue.put(delivery)

    def show(self) -> None:
        """List the deliveries that were hidden, and hide none from now on."""
        self._drop_rules("hide")
        for delivery in self.deliveries:
            delivery.hidden = False

    def clear_rules(self) -> None:
        """Send the deliveries that were held back, and apply no rule from now on."""
        self._rules.clear()
        self.release(lambda held: held)
        self.show()

    def _drop_rules(self, kind: str) -> None:
        self._rules = [rule for rule in self._rules if rule.kind != kind]
