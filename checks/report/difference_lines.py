"""The differences of a plan from the reviewed one, as lines for people."""

from collections.abc import Iterator

from checks.plan.parity import ChangeDifference, ChangeSummary, PlanDifference

_ACTIONS = {
    "create": "created",
    "read": "read",
    "update": "changed in place",
    "delete": "destroyed",
    "delete-create": "replaced",
    "create-delete": "replaced",
    "forget": "forgotten",
    "create-forget": "replaced (the old one is forgotten)",
    "forget-create": "replaced (the old one is forgotten)",
    "invoke": "run",
    "no-op": "only moved or imported",
}


def lines_of_difference(difference: PlanDifference) -> tuple[str, ...]:
    """A summary line, then a line for each resource or output that differs from the review; names in backticks."""
    if difference.same:
        return ("The plan does the same as the one that was reviewed.",)
    if difference.only_sensitive:
        return ("The plan differs from the one that was reviewed only in sensitive values.",)
    return (
        f"The plan differs from the one that was reviewed: {difference.words()}.",
        *(
            f"new: {_name(change)} is {_describe_action(change)}; the reviewed plan left it alone"
            for change in difference.new
        ),
        *(
            f"gone: {_name(change)} was to be {_describe_action(change)} in the reviewed plan; this plan leaves it "
            f"alone"
            for change in difference.gone
        ),
        *(f"changed: {_name(change.planned)} {_changed(change)}" for change in difference.changed),
    )


def _changed(change: ChangeDifference) -> str:
    return ", ".join(_describe_differences(change)) or "differs in its move, import or taint"


def _describe_differences(change: ChangeDifference) -> Iterator[str]:
    if change.action_differs:
        yield f"is {_describe_action(change.planned)} instead of {_describe_action(change.reviewed)}"
    named = (
        ("gives other values to", change.changed_attributes),
        ("also changes", change.new_attributes),
        ("no longer changes", change.gone_attributes),
    )
    for words, attributes in named:
        if attributes:
            yield f"{words} {', '.join(f'`{attribute}`' for attribute in attributes[:8])}{_more(attributes)}"


def _more(attributes: tuple[str, ...]) -> str:
    return f" and {len(attributes) - 8} more" if len(attributes) > 8 else ""


def _describe_action(change: ChangeSummary) -> str:
    return _ACTIONS.get(change.action, change.action)


def _name(change: ChangeSummary) -> str:
    return f"`{change.address}`" + (f" (deposed `{change.deposed}`)" if change.deposed else "")
