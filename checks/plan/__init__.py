"""A Terraform or OpenTofu plan as a value: the typed output of `terraform show -json PLANFILE`."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from checks.plan.action import Action as Action
from checks.plan.action import Counts as Counts
from checks.plan.door import (
    no_plan,
    plan_text,
    require_addresses,
    require_known_actions,
    require_known_version,
    require_plan,
    require_whole_marks,
    with_address,
)
from checks.plan.format import (
    NOT_UNDERSTOOD,
    NULL,
    Change,
    Path,
    State,
    VariableValue,
    decode_part,
    decode_plainly,
    require_few_parts,
)
from checks.plan.invocation import ActionInvocation as ActionInvocation
from checks.plan.invocation import ActionTrigger as ActionTrigger
from checks.plan.invocation import DeferredInvocation as DeferredInvocation
from checks.plan.marked_values import marked_in_state as marked_in_state
from checks.plan.marked_values import marked_values, without_literals
from checks.plan.resource_change import OutputChange as OutputChange
from checks.plan.resource_change import ResourceChange as ResourceChange
from checks.plan.resource_change import count as count


class DeferredChange(Struct, frozen=True, gc=False):
    """A change that Terraform defers to a later plan; `reason` is Terraform's code (`provider_config_unknown`)."""

    reason: str
    resource_change: ResourceChange


class RelevantAttribute(Struct, frozen=True, gc=False):
    """An attribute whose drift may have contributed to the planned changes."""

    resource: str
    attribute: Path = ()


class CheckAddress(Struct, frozen=True, gc=False):
    to_display: str = ""
    kind: str = ""


class CheckProblem(Struct, frozen=True, gc=False):
    message: str = ""


class CheckInstance(Struct, frozen=True, gc=False):
    address: CheckAddress = CheckAddress()
    status: str = "unknown"
    problems: tuple[CheckProblem, ...] = ()


class Check(Struct, frozen=True, gc=False):
    """A condition of the configuration with its status: pass, fail, error or unknown.

    `address.kind` is check (a check block), resource, output_value or var.
    """

    address: CheckAddress = CheckAddress()
    status: str = "unknown"
    instances: tuple[CheckInstance, ...] = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """The messages of the failed conditions."""
        return tuple(problem.message for instance in self.instances for problem in instance.problems)


class Plan(Struct, frozen=True, kw_only=True):
    """A plan, with its parts in the order of the file, except that outputs are sorted by name.

    The bytes from which a plan was read stay in memory as long as the plan.
    """

    format_version: str
    terraform_version: str
    resource_changes: tuple[ResourceChange, ...]
    drift: tuple[ResourceChange, ...]
    output_changes: tuple[OutputChange, ...]
    deferred_changes: tuple[DeferredChange, ...]
    relevant_attributes: tuple[RelevantAttribute, ...]
    checks: tuple[Check, ...]
    action_invocations: tuple[ActionInvocation, ...]
    deferred_invocations: tuple[DeferredInvocation, ...]
    complete: bool
    errored: bool
    applyable: bool | None
    timestamp: str | None
    prior_state: Raw
    configuration: Raw
    variables: Raw

    @property
    def counts(self) -> Counts:
        """The numbers of changes by kind, of `action` blocks to run, and of changes and actions that are deferred.

        Reads of data sources do not count.
        """
        deferred = sum(each.resource_change.mode == "managed" for each in self.deferred_changes)
        later = Counts(invoke=len(self.action_invocations), defer=deferred + len(self.deferred_invocations))
        return count(self.resource_changes) + later

    @property
    def changes_anything(self) -> bool:
        """Whether applying the plan changes resources, outputs or the state, or runs an `action` block."""
        return (
            self.applyable is True
            or any(change.changes for change in self.resource_changes)
            or any(output.action is not Action.NO_OP for output in self.output_changes)
            or bool(self.action_invocations)
        )

    @property
    def state_empty(self) -> bool:
        """Whether the state had no managed resource before."""
        state = decode_part(self.prior_state, State)
        return state is None or not state.values.root_module.holds_resources()

    @property
    def marked(self) -> bool:
        """Whether Terraform marks sensitive values; if it does not (before 0.15), every value is hidden."""
        return all(change.change.marked for change in self._every_change())

    def sensitive_values(self) -> frozenset[str]:
        """Every string and number that Terraform marks as sensitive, for a mask: see `checks.plan.marked_values`."""
        changed = (each.change for each in self._every_change() if each.changes)
        outputs = (output.change for output in self.output_changes)
        later = (deferred.action_invocation for deferred in self.deferred_invocations)
        invoked = (invocation.change for invocation in (*self.action_invocations, *later))
        return marked_values(
            [*changed, *outputs, *invoked],
            prior_state=self.prior_state,
            configuration=self.configuration,
            variables=self.variables,
        )

    def sensitive_values_of_state(self, state_json: bytes) -> frozenset[str]:
        """Every string and number that is marked as sensitive in the state after this plan was applied.

        `state_json` is the output of `terraform show -json`. Raises PlanFormatError.
        """
        return without_literals(marked_in_state(state_json), self.configuration)

    @property
    def has_unknown_secrets(self) -> bool:
        """Whether applying creates sensitive values that are not known yet, such as a generated password."""
        changes = [each.change for each in self.resource_changes if each.changes]
        outputs = [each.change for each in self.output_changes]
        return not self.marked or any(
            b"true" in bytes(change.after_sensitive) and b"true" in bytes(change.after_unknown)
            for change in (*changes, *outputs)
        )

    def holds_variables(self, values: Mapping[str, Any]) -> bool:
        """Whether the variables with these names had these values when the plan was made. Raises PlanFormatError."""
        held = decode_part(self.variables, dict[str, VariableValue]) or {}
        return all(name in held and decode_plainly(held[name].value) == value for name, value in values.items())

    def names(self) -> frozenset[str]:
        """The names in the addresses of changes. They are in the code, so they are not masked inside a text, even if a
        secret is the same word."""
        changes = self._every_change()
        kinds, modules = {(change.type, change.name) for change in changes}, {each.module_address for each in changes}
        return frozenset(name for kind in kinds for name in kind) | {module for module in modules if module}

    def _every_change(self) -> tuple[ResourceChange, ...]:
        return (*self.resource_changes, *self.drift, *(each.resource_change for each in self.deferred_changes))

    def __repr__(self) -> str:
        return f"Plan({self.counts.words()})"


class _PlanJson(Struct, frozen=True):
    format_version: str
    terraform_version: str = ""
    planned_values: Raw | msgspec.UnsetType = msgspec.UNSET
    values: Raw | msgspec.UnsetType = msgspec.UNSET
    resource_changes: tuple[ResourceChange, ...] | msgspec.UnsetType = msgspec.UNSET
    resource_drift: tuple[ResourceChange, ...] = ()
    output_changes: dict[str, Change] = {}
    deferred_changes: tuple[DeferredChange, ...] = ()
    relevant_attributes: tuple[RelevantAttribute, ...] = ()
    checks: tuple[Check, ...] = ()
    action_invocations: tuple[ActionInvocation, ...] = ()
    deferred_action_invocations: tuple[DeferredInvocation, ...] = ()
    complete: bool = True
    errored: bool = False
    applyable: bool | None = None
    timestamp: str | None = None
    prior_state: Raw = NULL
    configuration: Raw = NULL
    variables: Raw = NULL

    @property
    def holds_a_plan(self) -> bool:
        """Whether it contains anything besides the versions of the format and of Terraform."""
        return self != _PlanJson(format_version=self.format_version, terraform_version=self.terraform_version)


_decoder = msgspec.json.Decoder(_PlanJson)


def read_plan(plan_json: bytes) -> Plan:
    """Read the output of `terraform show -json PLANFILE`, from Terraform 0.12 or later, or OpenTofu 1.6 or later.

    A byte order mark is skipped. UTF-16, which PowerShell writes, is converted. Raises PlanFormatError on bytes that
    are not a plan (for example the JSON of a state), on an unknown major format_version, on an unknown action (a plan
    must be understood completely), on plans of Terraform 0.15.0, and on JSON with more values than a plan may have.

    https://developer.hashicorp.com/terraform/internals/json-format
    """
    text = plan_text(plan_json)
    require_few_parts(text)
    try:
        read = _decoder.decode(text)
    except NOT_UNDERSTOOD as error:
        raise no_plan(error, text) from None
    require_known_version(read.format_version)
    require_plan(read.holds_a_plan, is_state=read.values is not msgspec.UNSET)
    require_whole_marks(read.terraform_version)
    changes = () if isinstance(read.resource_changes, msgspec.UnsetType) else read.resource_changes
    require_addresses(changes)
    drift = tuple(map(with_address, read.resource_drift))
    deferred = tuple(DeferredChange(each.reason, with_address(each.resource_change)) for each in read.deferred_changes)
    require_known_actions((change.address, change.change) for change in (*changes, *drift))
    require_known_actions((each.resource_change.address, each.resource_change.change) for each in deferred)
    require_known_actions((f"output.{name}", change) for name, change in read.output_changes.items())
    return Plan(
        format_version=read.format_version,
        terraform_version=read.terraform_version,
        resource_changes=changes,
        drift=drift,
        output_changes=_outputs(read),
        deferred_changes=deferred,
        relevant_attributes=read.relevant_attributes,
        checks=read.checks,
        action_invocations=read.action_invocations,
        deferred_invocations=read.deferred_action_invocations,
        complete=read.complete,
        errored=read.errored,
        applyable=read.applyable,
        timestamp=read.timestamp,
        prior_state=read.prior_state,
        configuration=read.configuration,
        variables=read.variables,
    )


def _outputs(read: _PlanJson) -> tuple[OutputChange, ...]:
    return tuple(OutputChange(name, change) for name, change in sorted(read.output_changes.items()))
