"""The changes of a plan as a person reads them: diffed, masked, folded, the most dangerous first."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

import msgspec

from checks.declaration import Declaration
from checks.plan import Action, ResourceChange
from checks.plan.configuration import Block
from checks.report.change_report import SECTIONS, AttributeChange, ChangeReport, Section
from checks.report.danger import gravity, is_noise, marks, without_mirrors
from checks.report.diff import Difference, References, diff
from checks.report.fold import block_address, fold, natural_order
from checks.sensitive import Mask

MOST_ATTRIBUTES = 20_000
"""Of one root module, details past this many attributes are counted instead of kept: the safest ones first."""

_REASONS: dict[str, str] = {
    "replace_because_tainted": "it is tainted: its creation failed halfway",
    "replace_by_request": "its replacement was asked for",
    "replace_by_triggers": "`replace_triggered_by` asks for it",
    "delete_because_no_resource_config": "it is no longer in the configuration",
    "delete_because_no_module": "its module is no longer in the configuration",
    "delete_because_wrong_repetition": "`count` and `for_each` were exchanged or dropped",
    "delete_because_count_index": "its index is outside of `count`",
    "delete_because_each_key": "its key is no longer in `for_each`",
    "delete_because_no_move_target": "it was moved to an address that is not in the configuration",
    "read_because_config_unknown": "its arguments are known only after apply",
    "read_because_dependency_pending": "something that it depends on changes",
    "read_because_check_nested": "it belongs to a check block",
}
_NOTHING_TO_TELL = {sides for empty in ("[]", "{}", '""') for sides in ((None, empty), (empty, None))}
_ORDER = {section: number for number, section in enumerate(SECTIONS)}


def report_changes(
    changes: Iterable[ResourceChange],
    *,
    mask: Mask,
    declarations: Mapping[str, Declaration],
    configured: Mapping[str, Block],
) -> tuple[ChangeReport, ...]:
    """Report every change that does something, equal ones folded into one, ordered by danger."""
    references = sources_of(configured)
    reported = [
        report_change(change, mask=mask, declarations=declarations, references=references)
        for change in changes
        if change.changes
    ]
    reported.sort(key=_by_address)
    return _within_bounds(sorted(fold(reported), key=by_danger))


def report_drift(
    drift: Iterable[ResourceChange], *, mask: Mask, declarations: Mapping[str, Declaration]
) -> tuple[ChangeReport, ...]:
    """Report what was changed outside of Terraform. That nothing was written in another way is no drift."""
    changes = report_changes(drift, mask=mask, declarations=declarations, configured={})
    told = (msgspec.structs.replace(change, attributes=_told(change)) for change in changes)
    return tuple(change for change in told if change.attributes or change.section != "change")


def _told(change: ChangeReport) -> tuple[AttributeChange, ...]:
    return tuple(attribute for attribute in change.attributes if (attribute.old, attribute.new) not in _NOTHING_TO_TELL)


def sources_of(configured: Mapping[str, Block]) -> Callable[[str], References | None]:
    """What the attributes of a block refer to, by its address; None where the configuration has no such block."""

    @cache
    def references(block: str) -> References | None:
        source = configured.get(block)
        return None if source is None else source.references()

    return references


def report_change(
    change: ResourceChange,
    *,
    mask: Mask,
    declarations: Mapping[str, Declaration],
    references: Callable[[str], References | None],
) -> ChangeReport:
    """Report one change, by itself."""
    action = change.action
    block = block_address(change.address)
    difference = Difference(attributes=())
    if action not in (Action.NO_OP, Action.FORGET):
        difference = diff(
            change.shown_before,
            change.shown_after,
            mask=mask,
            replace_paths=change.replace_paths,
            references=references(block),
            replaces=action.replaces,
        )
    attributes = without_mirrors(difference.attributes)
    section = _section(change)
    if section == "change" and is_noise(attributes):
        section = "tags"
    importing = change.importing
    return ChangeReport(
        address=mask.address(change.address),
        type=change.type,
        action=action.value,
        section=section,
        attributes=attributes,
        unchanged=difference.unchanged,
        recomputed=difference.recomputed,
        marks=marks(change.type, section, attributes),
        reason=_reason(change, section, attributes != ()),
        previous_address=mask.address(change.previous_address) if change.moved and change.previous_address else None,
        importing=mask.text(importing.id or "an identity") if importing is not None else None,
        deposed=change.deposed,
        declaration=_declaration(block, declarations),
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


def _reason(change: ResourceChange, section: Section, differs: bool) -> str | None:
    if change.action in (Action.CREATE_FORGET, Action.FORGET_CREATE):
        return "the old object is forgotten, not destroyed"
    if section == "change" and not differs:
        return "only what is marked as sensitive, or what the provider keeps for itself, changes"
    return _REASONS.get(change.action_reason or "")


def _declaration(block: str, declarations: Mapping[str, Declaration]) -> Declaration | None:
    """The block itself, else the nearest module call around it that the repository has."""
    steps = block.split(".")
    depth = 0
    while steps[2 * depth] == "module" and len(steps) > 2 * depth + 2:
        depth += 1
    calls = (".".join(steps[: 2 * inner]) for inner in range(depth, 0, -1))
    return next((found for address in (block, *calls) if (found := declarations.get(address)) is not None), None)


def _by_address(change: ChangeReport) -> tuple[object, ...]:
    return (natural_order(change.address), change.deposed or "")


def by_danger(change: ChangeReport) -> tuple[object, ...]:
    """A sort key by which what is most dangerous comes first."""
    return (_ORDER[change.section], gravity(change.marks), *_by_address(change))


def _within_bounds(changes: list[ChangeReport]) -> tuple[ChangeReport, ...]:
    left = MOST_ATTRIBUTES
    bounded = []
    for change in changes:
        left -= len(change.attributes)
        bounded.append(change if left >= 0 else _without_details(change))
    return tuple(bounded)


def _without_details(change: ChangeReport) -> ChangeReport:
    return msgspec.structs.replace(change, attributes=(), left_out=len(change.attributes))
