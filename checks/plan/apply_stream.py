"""The progress of an apply, from the messages of `terraform apply -json`.

https://developer.hashicorp.com/terraform/internals/machine-readable-ui#operation-messages
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from checks.plan import Plan
from checks.plan.action import COUNTED, Action, Counts
from checks.sensitive import Mask

Outcome = Literal["applied", "failed", "interrupted", "not_reached"]
OUTCOMES: tuple[Outcome, ...] = ("applied", "failed", "interrupted", "not_reached")

_STEPS: dict[Action, tuple[str, ...]] = {
    Action.CREATE: ("create",),
    Action.UPDATE: ("update",),
    Action.DELETE: ("delete",),
    Action.DELETE_CREATE: ("delete", "create"),
    Action.CREATE_DELETE: ("create", "delete"),
    Action.CREATE_FORGET: ("create",),
    Action.FORGET_CREATE: ("create",),
}
"""Terraform's words for the steps of each action. Actions that change only the state are not in the stream."""

_MOST_SECONDS = 10**7


class ResourceResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The result of an apply for one resource instance; `action` is the planned one.

    "interrupted" means that a step began, and Terraform did not report its end, or that only one step of a replacement
    was done. `done` has this step: "delete" or "create". `took_s` is the time that Terraform reports, in whole seconds.
    """

    address: str
    action: str
    outcome: Outcome
    took_s: int = 0
    deposed: str | None = None
    done: tuple[str, ...] = ()


class ApplyStream:
    """Reads the messages of one plan's apply; messages about anything else are ignored."""

    def __init__(self, plan: Plan) -> None:
        managed = (change for change in plan.resource_changes if change.mode == "managed")
        self._changes = [change for change in managed if change.action in _STEPS]
        self._needed = Counter((each.address, step) for each in self._changes for step in _STEPS[each.action])
        self._begun: Counter[tuple[str, str]] = Counter()
        self._done: Counter[tuple[str, str]] = Counter()
        self._failed: Counter[tuple[str, str]] = Counter()
        self._took_s: Counter[tuple[str, str]] = Counter()
        self._left = Counter(each.address for each in self._changes)
        self._steps_left = Counter(address for address, _ in self._needed.elements())
        self.finished = 0
        """The number of changes that have been applied."""

    def __len__(self) -> int:
        return len(self._changes)

    @property
    def has_begun(self) -> bool:
        """Whether anything may have been done to any resource."""
        return bool(self._begun)

    def read(self, message: Mapping[str, Any]) -> None:
        """Take one message into account; messages that are not understood are ignored."""
        kind = message.get("type")
        if kind not in ("apply_start", "apply_complete", "apply_errored"):
            return
        hook = message.get("hook")
        resource = hook.get("resource") if isinstance(hook, Mapping) else None
        if not isinstance(hook, Mapping) or not isinstance(resource, Mapping):
            return
        step = (str(resource.get("addr")), str(hook.get("action")))
        if step not in self._needed:
            return
        if kind == "apply_start":
            self._begun[step] += 1
            return
        took_s = hook.get("elapsed_seconds")
        self._took_s[step] += int(took_s) if isinstance(took_s, int | float) and 0 <= took_s < _MOST_SECONDS else 0
        if kind == "apply_errored":
            self._failed[step] += 1
        elif self._done[step] < self._needed[step]:
            self._done[step] += 1
            self._count_finished(step[0])

    def _count_finished(self, address: str) -> None:
        self._steps_left[address] -= 1
        if not self._steps_left[address]:
            self.finished += self._left[address]

    def results(self, mask: Mask) -> tuple[ResourceResult, ...]:
        """The result for each resource, in the plan's order; `mask` hides secrets in instance keys."""
        done, failed, begun = self._done.copy(), self._failed.copy(), self._begun.copy()
        results = []
        for change in self._changes:
            steps = [(change.address, step) for step in _STEPS[change.action]]
            carried_out = [step for step in steps if done[step] > 0]
            # An object and a deposed object can have the same address, so each message counts for only one of them.
            done.subtract(carried_out)
            begun.subtract(carried_out)
            outcome: Outcome = "not_reached"
            if len(carried_out) == len(steps):
                outcome = "applied"
            elif any(failed[step] > 0 for step in steps):
                outcome = "failed"
                failed.subtract(steps)
                begun.subtract(step for step in steps if step not in carried_out)
            elif carried_out or any(begun[step] > 0 for step in steps):
                outcome = "interrupted"
                begun.subtract(steps)
            results.append(
                ResourceResult(
                    address=mask.address(change.address),
                    action=change.action.value,
                    outcome=outcome,
                    took_s=sum(self._took_s[step] for step in steps),
                    deposed=change.deposed,
                    done=() if outcome == "applied" else tuple(step for _, step in carried_out),
                )
            )
        return tuple(results)


def applied_counts(results: Iterable[ResourceResult]) -> Counts:
    """The applied changes, counted like a plan's."""
    applied = (COUNTED.get(Action(each.action)) for each in results if each.outcome == "applied")
    return Counts(**Counter(kind for kind in applied if kind))


def words_of_results(results: Iterable[ResourceResult]) -> str:
    """For people: "3 applied, 1 failed, 2 not reached"."""
    counted = Counter(each.outcome for each in results)
    return ", ".join(f"{counted[each]} {each.replace('_', ' ')}" for each in OUTCOMES if counted[each])
