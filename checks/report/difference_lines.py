"""The differences of a plan from the reviewed one, as lines for people."""

from collections.abc import Iterator

from checks.plan.parity import ChangeDifference, ChangeSummary, PlanDifference

_DONE = {
    "create": "created",
    "read": "read",
    "update": "changed in place",
    "delete": "destroyed",
    "delete-create": "replaced",
    "create-delete": "replaced",
    "forget": "forgotten",
    "create-forget": "replaced, the old one forgotten",
    "forget-create": "replaced, the old one forgotten",
    "invoke": "run",
    "no-op": "only moved or imported",
}


def lines_of_difference(difference: PlanDifference) -> tuple[str, ...]:
    """A line for each resource or output that differs from the review, names in backticks; the first line sums up."""
    if difference.same:
        return ("The plan does the same as the one that was reviewed.",)
    if difference.only_sensitive:
        return ("The plan differs from the one that was reviewed, and only in sensitive values.",)
    return (
        f"The plan differs from the one that was reviewed: {difference.words()}.",
        *(f"new: {_name(change)} is {_done(change)}; the reviewed plan left it alone" for change in difference.new),
        *(f"gone: {_name(change)} was to be {_done(change)}, and now stays" for change in difference.gone),
        *(f"changed: {_name(change.planned)} {_changed(change)}" for change in difference.changed),
    )


def _changed(change: ChangeDifference) -> str:
    return ", ".join(_ways(change)) or "is planned from other values"


def _ways(change: ChangeDifference) -> Iterator[str]:
    if change.action_differs:
        yield f"is {_done(change.planned)} instead of {_done(change.reviewed)}"
    named = (
        ("another value for", change.changed_attributes),
        ("changes too:", change.new_attributes),
        ("stays now:", change.gone_attributes),
    )
    for words, attributes in named:
        if attributes:
            yield f"{words} {', '.join(f'`{attribute}`' for attribute in attributes[:8])}{_more(attributes)}"


def _more(attributes: tuple[str, ...]) -> str:
    return f" and {len(attributes) - 8} more" if len(attributes) > 8 else ""


def _done(change: ChangeSummary) -> str:
    return _DONE.get(change.action, change.action)


def _name(change: ChangeSummary) -> str:
    return f"`{change.address}`" + (f" (deposed `{change.deposed}`)" if change.deposed else "")
