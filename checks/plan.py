"""A Terraform or OpenTofu plan as a value: what `terraform show -json PLANFILE` says, typed."""

import enum
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from checks.errors import PlanFormatError
from checks.marks import Shown, shown
from checks.plan_format import NULL, Change, Importing, State, decode_value


class Action(enum.Enum):
    """What happens to one resource or output; replacing is one action whose order matters."""

    NO_OP = "no-op"
    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    DELETE_CREATE = "delete-create"
    CREATE_DELETE = "create-delete"
    FORGET = "forget"
    CREATE_FORGET = "create-forget"  # Terraform's replacement under `lifecycle { destroy = false }`
    FORGET_CREATE = "forget-create"  # OpenTofu's
    OPEN = "open"  # an ephemeral resource, in OpenTofu

    @property
    def replaces(self) -> bool:
        """Whether a new object takes the place of the old one, which is destroyed or forgotten."""
        return self in _REPLACING

    @property
    def destroys(self) -> bool:
        """Whether an object that exists ceases to exist."""
        return self in _DESTROYING


_DESTROYING = frozenset({Action.DELETE, Action.DELETE_CREATE, Action.CREATE_DELETE})
_REPLACING = frozenset({Action.DELETE_CREATE, Action.CREATE_DELETE, Action.CREATE_FORGET, Action.FORGET_CREATE})
_ACTIONS: dict[tuple[str, ...], Action] = {
    ("no-op",): Action.NO_OP,
    ("create",): Action.CREATE,
    ("read",): Action.READ,
    ("update",): Action.UPDATE,
    ("delete",): Action.DELETE,
    ("delete", "create"): Action.DELETE_CREATE,
    ("create", "delete"): Action.CREATE_DELETE,
    ("forget",): Action.FORGET,
    ("create", "forget"): Action.CREATE_FORGET,
    ("forget", "create"): Action.FORGET_CREATE,
    ("open",): Action.OPEN,
}


class ResourceChange(Struct, frozen=True, gc=False):
    """One resource instance (or deposed object) of a plan, with what happens to it.

    `before`, `after` and the marks beside them are decoded at each access: keep them in a local variable.
    They hold secrets in clear; `shown_before` and `shown_after` do not.
    """

    address: str
    change: Change
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
        return _ACTIONS[self.change.actions]

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
    def replace_paths(self) -> tuple[tuple[str | int | float, ...], ...]:
        """The attributes that force the replacement."""
        return self.change.replace_paths

    @property
    def before(self) -> Any:
        return decode_value(self.change.before)

    @property
    def after(self) -> Any:
        """The planned value; what is known only after apply is missing in it."""
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
        """`before` with `Hidden` in the place of everything that is marked, or whose marks do not fit."""
        return shown(self.before, self.before_sensitive)

    @property
    def shown_after(self) -> Shown:
        """`after` with `Hidden` and, where the value is known only after apply, `UNKNOWN`."""
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
        """Whether nothing but the state changes: moved, imported or forgotten as it is."""
        action = self.action
        return action is Action.FORGET or (action is Action.NO_OP and (self.moved or self.importing is not None))

    @property
    def changes(self) -> bool:
        """Whether applying the plan does anything about it, be it to the state alone."""
        return self.action is not Action.NO_OP or self.moved or self.importing is not None

    def __repr__(self) -> str:
        return f"ResourceChange({self.address}, {'-'.join(self.change.actions)})"


class OutputChange(Struct, frozen=True, gc=False):
    """What happens to an output of the root module. Values as in ResourceChange."""

    name: str
    change: Change

    @property
    def action(self) -> Action:
        return _ACTIONS[self.change.actions]

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


class DeferredChange(Struct, frozen=True):
    """A change that Terraform puts off to a later plan, since too much is unknown in this one."""

    reason: str
    resource_change: ResourceChange


class RelevantAttribute(Struct, frozen=True):
    """An attribute whose drift may have had a part in the planned changes."""

    resource: str
    attribute: tuple[str | int | float, ...] = ()


class CheckAddress(Struct, frozen=True):
    to_display: str = ""
    kind: str = ""


class CheckProblem(Struct, frozen=True):
    message: str = ""


class CheckInstance(Struct, frozen=True):
    address: CheckAddress = CheckAddress()
    status: str = "unknown"
    problems: tuple[CheckProblem, ...] = ()


class Check(Struct, frozen=True):
    """A condition of the configuration with its status: pass, fail, error or unknown.

    `address.kind` is check (a check block), resource, output_value or var.
    """

    address: CheckAddress = CheckAddress()
    status: str = "unknown"
    instances: tuple[CheckInstance, ...] = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """What the conditions that failed say."""
        return tuple(problem.message for instance in self.instances for problem in instance.problems)


class Counts(Struct, frozen=True, kw_only=True):
    """How many objects a plan touches. A replacement is one `replace`, neither an `add` nor a `destroy`."""

    add: int = 0
    change: int = 0
    replace: int = 0
    destroy: int = 0
    import_: int = 0
    move: int = 0
    forget: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        mine, others = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Counts(
            **dict(zip(self.__struct_fields__, (a + b for a, b in zip(mine, others, strict=True)), strict=True))
        )

    def words(self) -> str:
        """For people: "3 to add, 1 to replace", or "no changes"."""
        counted = zip(self.__struct_fields__, msgspec.structs.astuple(self), strict=True)
        return ", ".join(f"{n} to {field.rstrip('_')}" for field, n in counted if n) or "no changes"


class Plan(Struct, frozen=True, kw_only=True):
    """A plan, in the order of the file. The bytes it was read from live as long as it does."""

    format_version: str
    terraform_version: str
    resource_changes: tuple[ResourceChange, ...]
    drift: tuple[ResourceChange, ...]
    output_changes: tuple[OutputChange, ...]
    deferred_changes: tuple[DeferredChange, ...]
    relevant_attributes: tuple[RelevantAttribute, ...]
    checks: tuple[Check, ...]
    complete: bool
    errored: bool
    applyable: bool | None
    timestamp: str | None
    prior_state: Raw
    configuration: Raw

    @property
    def counts(self) -> Counts:
        return count(self.resource_changes)

    @property
    def changes_anything(self) -> bool:
        """Whether applying it does anything: to resources, to outputs, or to the state alone."""
        return (
            self.applyable is True
            or any(change.changes for change in self.resource_changes)
            or any(output.action is not Action.NO_OP for output in self.output_changes)
        )

    @property
    def state_empty(self) -> bool:
        """Whether the state held no managed resource before."""
        state = _decode_part(self.prior_state, State | None)
        return state is None or not state.values.root_module.holds_resources()

    def __repr__(self) -> str:
        return f"Plan({self.counts.words()})"


def count(changes: Iterable[ResourceChange]) -> Counts:
    """Count managed resources as people do; data sources that are read do not count."""
    kinds = dict.fromkeys(Counts.__struct_fields__, 0)
    for change in changes:
        for kind in _kinds(change):
            kinds[kind] += 1
    return Counts(**kinds)


_COUNTED: dict[Action, tuple[str, ...]] = {
    Action.NO_OP: (),
    Action.READ: (),
    Action.CREATE: ("add",),
    Action.UPDATE: ("change",),
    Action.DELETE: ("destroy",),
    Action.DELETE_CREATE: ("replace",),
    Action.CREATE_DELETE: ("replace",),
    Action.FORGET: ("forget",),
    Action.CREATE_FORGET: ("replace",),
    Action.FORGET_CREATE: ("replace",),
    Action.OPEN: (),
}


def _kinds(change: ResourceChange) -> Iterator[str]:
    if change.mode != "managed":
        return
    yield from _COUNTED[change.action]
    if change.importing is not None:
        yield "import_"
    if change.moved:
        yield "move"


class _PlanJson(Struct, frozen=True):
    format_version: str
    terraform_version: str = ""
    resource_changes: tuple[ResourceChange, ...] = ()
    resource_drift: tuple[ResourceChange, ...] = ()
    output_changes: dict[str, Change] = {}
    deferred_changes: tuple[DeferredChange, ...] = ()
    relevant_attributes: tuple[RelevantAttribute, ...] = ()
    checks: tuple[Check, ...] = ()
    complete: bool = True
    errored: bool = False
    applyable: bool | None = None
    timestamp: str | None = None
    planned_values: Raw = NULL
    prior_state: Raw = NULL
    configuration: Raw = NULL


_decoder = msgspec.json.Decoder(_PlanJson)


def read_plan(plan_json: bytes) -> Plan:
    """Read the output of `terraform show -json PLANFILE`, of Terraform 0.12 or OpenTofu 1.6 and later.

    Raises PlanFormatError on bytes that are no plan, on an unknown major format_version and on an
    action this code does not know: a plan that is half understood is not understood.

    https://developer.hashicorp.com/terraform/internals/json-format
    """
    try:
        read = _decoder.decode(plan_json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PlanFormatError(f"not a Terraform plan in JSON form: {error}") from None
    _require_known_version(read.format_version)
    _require_known_actions(change.change for change in read.resource_changes)
    _require_known_actions(change.change for change in read.resource_drift)
    _require_known_actions(change.resource_change.change for change in read.deferred_changes)
    _require_known_actions(read.output_changes.values())
    return Plan(
        format_version=read.format_version,
        terraform_version=read.terraform_version,
        resource_changes=read.resource_changes,
        drift=read.resource_drift,
        output_changes=_outputs(read),
        deferred_changes=read.deferred_changes,
        relevant_attributes=read.relevant_attributes,
        checks=read.checks,
        complete=read.complete,
        errored=read.errored,
        applyable=read.applyable,
        timestamp=read.timestamp,
        prior_state=read.prior_state,
        configuration=read.configuration,
    )


def _require_known_version(version: str) -> None:
    if re.fullmatch(r"(0\.[1-9][0-9]*|1\.[0-9]+)", version) is None:
        raise PlanFormatError(f"plan format {version[:20]!r} is not known; Planward reads 0.1 to 1.x")


def _require_known_actions(changes: Iterable[Change]) -> None:
    for change in changes:
        if change.actions not in _ACTIONS:
            raise PlanFormatError(f"plan with an unknown action {', '.join(change.actions)[:80]!r}")


def _outputs(read: _PlanJson) -> tuple[OutputChange, ...]:
    return tuple(OutputChange(name, change) for name, change in sorted(read.output_changes.items()))


def _decode_part(raw: Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as error:
        raise PlanFormatError(f"not a Terraform plan in JSON form: {error}") from None
