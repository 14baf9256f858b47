"""One change of a plan, to a resource or an output, with its values in plain text and in their displayable form."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from checks.plan.action import ACTIONS, COUNTED, Action, Counts
from checks.plan.format import Change, Importing, Path, decode_value
from checks.plan.marks import Shown, shown

_NO_OP = ("no-op",)


class ResourceChange(Struct, frozen=True, gc=False):
    """One resource instance (or deposed object) of a plan, with its change.

    `before`, `after` and the marks beside them are decoded at each access: keep them in a local variable. They contain
    secrets in plain text; `shown_before` and `shown_after` do not.
    """

    change: Change
    address: str = ""
    type: str = ""
    name: str = ""
    mode: str = "managed"
    module_address: str | None = None
    index: str | int | float | None = None
    provider_name: str = ""
    deposed: str | None = None
    previous_address: str | None = None
    action_reason: str | None = None

    @property
    def action(self) -> Action:
        return ACTIONS[self.change.actions]

    @property
    def provider(self) -> str:
        """The provider's source address, such as registry.terraform.io/hashicorp/aws."""
        return self.provider_name

    @property
    def importing(self) -> Importing | None:
        return self.change.importing

    @property
    def generated_config(self) -> str | None:
        """The configuration that `-generate-config-out` wrote for an imported resource."""
        return self.change.generated_config

    @property
    def replace_paths(self) -> tuple[Path, ...]:
        """The attributes that force the replacement."""
        return self.change.replace_paths

    @property
    def before(self) -> Any:
        return decode_value(self.change.before)

    @property
    def after(self) -> Any:
        """The planned value, without parts that are known only after apply."""
        return decode_value(self.change.after)

    @property
    def after_unknown(self) -> Any:
        return decode_value(self.change.after_unknown)

    @property
    def before_sensitive(self) -> Any:
        return decode_value(self.change.before_sensitive)

    @property
    def after_sensitive(self) -> Any:
        return decode_value(self.change.after_sensitive)

    @property
    def shown_before(self) -> Shown:
        """`before` with `Hidden` in place of every part that is marked, or whose marks do not fit."""
        return shown(self.before, self.before_sensitive)

    @property
    def shown_after(self) -> Shown:
        """`after` with `Hidden`, and `UNKNOWN` for values that are known only after apply."""
        return shown(self.after, self.after_sensitive, self.after_unknown)

    @property
    def moved(self) -> bool:
        return self.previous_address is not None and self.previous_address != self.address

    @property
    def destroys(self) -> bool:
        return self.action.destroys

    @property
    def replaces(self) -> bool:
        return self.action.replaces

    @property
    def only_in_state(self) -> bool:
        """Whether only the state changes: the object is moved, imported or forgotten unchanged."""
        action = self.action
        return action is Action.FORGET or (action is Action.NO_OP and (self.moved or self.importing is not None))

    @property
    def changes(self) -> bool:
        """Whether applying the plan changes it, even if only in the state."""
        change = self.change  # written for speed: this runs for every resource of a plan
        origin = self.previous_address
        return change.actions != _NO_OP or change.importing is not None or (origin is not None and self.moved)

    def __repr__(self) -> str:
        return f"ResourceChange({self.address}, {'-'.join(self.change.actions)})"


class OutputChange(Struct, frozen=True, gc=False):
    """The change of an output of the root module. Values as in ResourceChange."""

    name: str
    change: Change

    @property
    def action(self) -> Action:
        return ACTIONS[self.change.actions]

    @property
    def before(self) -> Any:
        return decode_value(self.change.before)

    @property
    def after(self) -> Any:
        return decode_value(self.change.after)

    @property
    def after_unknown(self) -> Any:
        return decode_value(self.change.after_unknown)

    @property
    def shown_before(self) -> Shown:
        return shown(self.before, decode_value(self.change.before_sensitive))

    @property
    def shown_after(self) -> Shown:
        return shown(self.after, decode_value(self.change.after_sensitive), self.after_unknown)

    def __repr__(self) -> str:
        return f"OutputChange({self.name}, {'-'.join(self.change.actions)})"


def count(changes: Iterable[ResourceChange]) -> Counts:
    """Count the changes of managed resources; reads of data sources do not count."""
    managed = [change for change in changes if change.mode == "managed"]
    kinds = Counter(import_=sum(change.importing is not None for change in managed))
    kinds["move"] = sum(change.previous_address is not None and change.moved for change in managed)
    for actions, number in Counter([change.change.actions for change in managed]).items():
        if kind := COUNTED.get(ACTIONS[actions]):
            kinds[kind] += number
    return Counts(**kinds)
