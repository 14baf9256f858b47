"""The changes of a plan for people: compared, masked, folded, the most dangerous first."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import NamedTuple

import msgspec

from checks.declaration import Declaration
from checks.plan import Action, ResourceChange
from checks.plan.configuration import Block
from checks.plan.format import Importing
from checks.plan.sides import sides
from checks.report.change_report import SECTIONS, ChangeReport, Section
from checks.report.danger import danger_rank, is_noise, marks, without_repetitions
from checks.report.diff import ComparisonCache, Difference, diff_sides
from checks.report.differ import References
from checks.report.fold import block_address, fold, natural_order
from checks.report.identity import identity
from checks.report.literal import literal
from checks.sensitive import Mask

_REASONS: dict[str, str] = {
    "replace_because_tainted": "it is tainted",
    "replace_by_request": "its replacement was requested",
    "replace_by_triggers": "`replace_triggered_by` asks for it",
    "delete_because_no_resource_config": "removed from the configuration",
    "delete_because_no_module": "its module was removed from the configuration",
    "delete_because_wrong_repetition": "`count` or `for_each` was added, removed or swapped",
    "delete_because_count_index": "its index is outside of `count`",
    "delete_because_each_key": "its key is no longer in `for_each`",
    "delete_because_no_move_target": "it was moved to an address that is not in the configuration",
    "read_because_config_unknown": "its arguments are known only after apply",
    "read_because_dependency_pending": "it depends on something that changes",
    "read_because_check_nested": "it belongs to a check block",
}
_NOTHING_DIFFERS = "Terraform plans an update, but no attribute in the plan differs"
_ONLY_KNOWN_LATE = "the only attributes that change are known after apply"
_ORDER = {section: number for number, section in enumerate(SECTIONS)}


def report_changes(
    changes: Iterable[ResourceChange],
    *,
    mask: Mask,
    comparing: ComparisonCache,
    declarations: Mapping[str, Declaration],
    configured: Mapping[str, Block],
) -> tuple[ChangeReport, ...]:
    """Report every change that does something, equal ones folded into one, ordered by danger."""
    look_up_block = block_lookup(configured, declarations)
    reported = [
        report_change(change, mask=mask, comparing=comparing, look_up_block=look_up_block)
        for change in changes
        if change.changes
    ]
    reported.sort(key=_by_address)
    return tuple(sorted(fold(reported), key=by_danger))


def report_drift(
    drift: Iterable[ResourceChange], *, mask: Mask, comparing: ComparisonCache, declarations: Mapping[str, Declaration]
) -> tuple[ChangeReport, ...]:
    """Report changes made outside of Terraform. A change from one empty value to another goes to the section "tags"."""
    changes = report_changes(drift, mask=mask, comparing=comparing, declarations=declarations, configured={})
    demoted = (msgspec.structs.replace(change, section="tags") if change.says_little else change for change in changes)
    return tuple(sorted(demoted, key=by_danger))


class AboutBlock(NamedTuple):
    """The facts that all instances of a block share.

    `references` are the references of its attributes, None if the block is not in the configuration.
    """

    references: References | None
    declaration: Declaration | None


def block_lookup(
    configured: Mapping[str, Block], declarations: Mapping[str, Declaration]
) -> Callable[[str], AboutBlock]:
    """A function that looks up the facts about a block by its address, and remembers them."""

    @cache
    def look_up_block(block: str) -> AboutBlock:
        source = configured.get(block)
        return AboutBlock(None if source is None else source.references(), _declaration(block, declarations))

    return look_up_block


def report_change(
    change: ResourceChange,
    *,
    mask: Mask,
    comparing: ComparisonCache,
    look_up_block: Callable[[str], AboutBlock],
) -> ChangeReport:
    """Report one change, unfolded."""
    action = change.action
    block = look_up_block(block_address(change.address))
    both = sides(change.change)
    difference = Difference(attributes=())
    if action not in (Action.NO_OP, Action.FORGET):
        difference = diff_sides(
            both,
            comparing,
            mask=mask,
            replace_paths=change.replace_paths,
            references=block.references,
            replaces=action.replaces,
        )
    attributes = without_repetitions(difference.attributes)
    significant = [each for each in attributes if not (each.empty or (each.note and each.only_moved))]
    section = _section(change)
    if section == "change" and is_noise(attributes):
        section = "tags"
    importing = change.importing
    return ChangeReport(
        address=mask.address(change.address),
        type=change.type,
        identity=identity(change, both.before, both.after, mask),
        action=action.value,
        section=section,
        attributes=attributes,
        unchanged=difference.unchanged,
        recomputed=difference.recomputed,
        recomputed_from=difference.recomputed_from,
        marks=marks(change.type, section, significant, both.before, both.after),
        reason=_reason(change, difference),
        previous_address=mask.address(change.previous_address) if change.moved and change.previous_address else None,
        importing=None if importing is None else _imported_id(importing, mask),
        deposed=change.deposed,
        declaration=block.declaration,
    )


def _section(change: ResourceChange) -> Section:
    action = change.action
    if change.only_in_state:
        return "state"
    if action.replaces:
        return "replace"
    if action.destroys:
        return "destroy"
    if action is Action.CREATE:
        return "add"
    return "change" if action is Action.UPDATE else "read"


def _reason(change: ResourceChange, difference: Difference) -> str | None:
    if change.action in (Action.CREATE_FORGET, Action.FORGET_CREATE):
        return "the old object is forgotten, not destroyed"
    if change.action is Action.UPDATE and not difference.attributes:
        return _ONLY_KNOWN_LATE if difference.recomputed else _NOTHING_DIFFERS
    return _REASONS.get(change.action_reason or "")


def _imported_id(importing: Importing, mask: Mask) -> str:
    """The imported object's id, or its identity in the provider's format."""
    if importing.id:
        return mask.text(importing.id)
    return literal(importing.identity, mask) if importing.identity else "an identity that is known after apply"


def _declaration(block: str, declarations: Mapping[str, Declaration]) -> Declaration | None:
    """The place of the block itself, or of the nearest enclosing module call in the repository."""
    if (found := declarations.get(block)) is not None or "module." not in block:
        return found
    steps = block.split(".")
    depth = 0
    while steps[2 * depth] == "module" and len(steps) > 2 * depth + 2:
        depth += 1
    calls = (".".join(steps[: 2 * inner]) for inner in range(depth, 0, -1))
    return next((found for address in calls if (found := declarations.get(address)) is not None), None)


def _by_address(change: ChangeReport) -> tuple[object, ...]:
    return (natural_order(change.address), change.deposed or "")


def by_danger(change: ChangeReport) -> tuple[object, ...]:
    """A sort key that puts the most dangerous first."""
    return (_ORDER[change.section], danger_rank(change.marks), *_by_address(change))
