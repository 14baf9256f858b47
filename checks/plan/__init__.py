"""A Terraform or OpenTofu plan as a value: what `terraform show -json PLANFILE` says, typed."""

import re
from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from checks.errors import PlanFormatError
from checks.plan.action import ACTIONS
from checks.plan.action import Action as Action
from checks.plan.action import Counts as Counts
from checks.plan.format import (
    NOT_UNDERSTOOD,
    NULL,
    Change,
    Path,
    State,
    decode_part,
    not_understood,
)
from checks.plan.marked_values import marked_values
from checks.plan.resource_change import OutputChange as OutputChange
from checks.plan.resource_change import ResourceChange as ResourceChange
from checks.plan.resource_change import count as count


class DeferredChange(Struct, frozen=True):
    """A change that Terraform puts off to a later plan, since too much is unknown in this one."""

    reason: str
    resource_change: ResourceChange


class RelevantAttribute(Struct, frozen=True):
    """An attribute whose drift may have had a part in the planned changes."""

    resource: str
    attribute: Path = ()


class ActionTrigger(Struct, frozen=True):
    """The resource, and what happens to it, that makes a provider's action run."""

    triggering_resource_address: str = ""
    action_trigger_event: str = ""


class ActionInvocation(Struct, frozen=True):
    """A provider's action (`action` blocks, Terraform 1.14) that applying the plan runs: it has no state."""

    address: str
    type: str = ""
    name: str = ""
    lifecycle_action_trigger: ActionTrigger | None = None


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
    action_invocations: tuple[ActionInvocation, ...]
    complete: bool
    errored: bool
    applyable: bool | None
    timestamp: str | None
    prior_state: Raw
    configuration: Raw
    variables: Raw

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
            or bool(self.action_invocations)
        )

    @property
    def state_empty(self) -> bool:
        """Whether the state held no managed resource before."""
        state = decode_part(self.prior_state, State)
        return state is None or not state.values.root_module.holds_resources()

    @property
    def marked(self) -> bool:
        """Whether Terraform says what is sensitive; where it does not (before 0.15), every value is hidden."""
        return all(change.change.marked for change in (*self.resource_changes, *self.drift))

    def sensitive_values(self) -> frozenset[str]:
        """Every text and number that Terraform marks as sensitive, for a mask: see `checks.plan.marked_values`."""
        changed = (change.change for change in (*self.resource_changes, *self.drift) if change.changes)
        outputs = (output.change for output in self.output_changes)
        return marked_values([*changed, *outputs], configuration=self.configuration, variables=self.variables)

    def names(self) -> frozenset[str]:
        """The names in the addresses of what changes, as they stand in the code: no secrets, whatever their words."""
        changes = (*self.resource_changes, *self.drift)
        kinds, modules = {(change.type, change.name) for change in changes}, {each.module_address for each in changes}
        return frozenset(name for kind in kinds for name in kind) | {module for module in modules if module}

    def __repr__(self) -> str:
        return f"Plan({self.counts.words()})"


class _PlanJson(Struct, frozen=True):
    format_version: str
    terraform_version: str = ""
    resource_changes: tuple[ResourceChange, ...] = ()
    resource_drift: tuple[ResourceChange, ...] = ()
    output_changes: dict[str, Change] = {}
    deferred_changes: tuple[DeferredChange, ...] = ()
    relevant_attributes: tuple[RelevantAttribute, ...] = ()
    checks: tuple[Check, ...] = ()
    action_invocations: tuple[ActionInvocation, ...] = ()
    complete: bool = True
    errored: bool = False
    applyable: bool | None = None
    timestamp: str | None = None
    prior_state: Raw = NULL
    configuration: Raw = NULL
    variables: Raw = NULL


_decoder = msgspec.json.Decoder(_PlanJson)


def read_plan(plan_json: bytes) -> Plan:
    """Read the output of `terraform show -json PLANFILE`, of Terraform 0.12 or OpenTofu 1.6 and later.

    Raises PlanFormatError on bytes that are no plan, on an unknown major format_version, on an action this code
    does not know (a plan that is half understood is not understood) and on plans of Terraform 0.15.0.

    https://developer.hashicorp.com/terraform/internals/json-format
    """
    try:
        read = _decoder.decode(plan_json)
    except NOT_UNDERSTOOD as error:
        raise not_understood(error) from None
    _require_known_version(read.format_version)
    _require_whole_marks(read.terraform_version)
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
        action_invocations=read.action_invocations,
        complete=read.complete,
        errored=read.errored,
        applyable=read.applyable,
        timestamp=read.timestamp,
        prior_state=read.prior_state,
        configuration=read.configuration,
        variables=read.variables,
    )


def _require_known_version(version: str) -> None:
    if re.fullmatch(r"(0\.[1-9][0-9]*|1\.[0-9]+)", version) is None:
        raise PlanFormatError(f"plan format {version[:20]!r} is not known; Planward reads 0.1 to 1.x")


def _require_whole_marks(terraform_version: str) -> None:
    """0.15.0 marks what people call sensitive, and not what providers do.

    https://github.com/hashicorp/terraform/issues/28522
    """
    if terraform_version.partition("-")[0] == "0.15.0":
        raise PlanFormatError("Terraform 0.15.0 does not say which attributes are sensitive; 0.15.1 and later do")


def _require_known_actions(changes: Iterable[Change]) -> None:
    for change in changes:
        if change.actions not in ACTIONS:
            raise PlanFormatError(f"plan with an unknown action {', '.join(change.actions)[:80]!r}")


def _outputs(read: _PlanJson) -> tuple[OutputChange, ...]:
    return tuple(OutputChange(name, change) for name, change in sorted(read.output_changes.items()))
