"""The providers' actions that an apply runs: `action` blocks, since Terraform 1.14. They have no state."""

import re

from msgspec import Raw, Struct

from checks.plan.format import EVERYTHING, NOTHING, NULL, Change, decode_value
from checks.plan.marks import Shown, shown

_WORD_STARTS = re.compile(r"(?<=[a-z])(?=[A-Z])")


class ActionTrigger(Struct, frozen=True):
    """The resource, and its event, that trigger a provider's action."""

    triggering_resource_address: str = ""
    action_trigger_event: str = ""

    @property
    def event(self) -> str:
        """The event as text: `AfterCreate` is "after create"."""
        return _WORD_STARTS.sub(" ", self.action_trigger_event).lower()


class ActionInvocation(Struct, frozen=True):
    """A provider's action that applying the plan runs, with the arguments of its block."""

    address: str
    type: str = ""
    name: str = ""
    lifecycle_action_trigger: ActionTrigger | None = None
    invoke_action_trigger: Raw = NULL
    config_values: Raw = NULL
    config_sensitive: Raw = EVERYTHING
    config_unknown: Raw = NOTHING

    @property
    def by_request(self) -> bool:
        """Whether it runs because `terraform plan -invoke` requested it."""
        return bytes(self.invoke_action_trigger) != b"null"

    @property
    def shown_config(self) -> Shown:
        """The arguments, with `Hidden` for sensitive values and `UNKNOWN` for values known only after apply."""
        values, marks, late = map(decode_value, (self.config_values, self.config_sensitive, self.config_unknown))
        return shown(values, marks, late)

    @property
    def change(self) -> Change:
        """The arguments in the form of a change that creates them, for code that reads marks of changes."""
        return Change(
            actions=("create",),
            after=self.config_values,
            after_unknown=self.config_unknown,
            before_sensitive=NOTHING,
            after_sensitive=self.config_sensitive,
        )

    def __repr__(self) -> str:
        return f"ActionInvocation({self.address})"


class DeferredInvocation(Struct, frozen=True):
    """A provider's action that Terraform defers to a later plan; `reason` is Terraform's word."""

    reason: str
    action_invocation: ActionInvocation
