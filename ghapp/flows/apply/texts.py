"""One-line texts for the check run of an apply. Pure."""

from collections.abc import Sequence

REVERT = "revert it, then press Plan on the commit of the revert"
"""What to do instead of applying a commit that bypassed the gate: the revert's plan then has nothing to apply."""


def not_applied(reason: str, *, or_else: str = REVERT) -> str:
    """The first line if the tip is not explained (explain.py); `or_else` is what to do instead of applying it."""
    return f"Not applied: {reason}. Press Plan, look at what it would change, then press Apply; or {or_else}."


def brought(reason: str, people: Sequence[str]) -> str:
    """A reason, with the people who merged or pushed the commits: `pushed by LOGIN`."""
    return f"{reason} ({', '.join(people)})" if people else reason


def new_branch(environment: str, branch: str, *, in_force: bool) -> str:
    """The reason if the branch has no LAST. `in_force`: its environment was already allowed by a reviewed merge."""
    if in_force:
        return f"{branch}, the branch of the environment {environment}, is new"
    return f"the environment {environment} is new, and so is its branch {branch}"


def forced(branch: str, *, tip: str, last: str, environment: str) -> str:
    """The reason if the tip does not follow LAST."""
    return f"{branch} was force-pushed to {tip}, which does not contain {last}, the commit that {environment} is at"


def delete_branch(branch: str) -> str:
    """What to do instead of applying a new branch."""
    return f"delete the branch {branch}"


def push_last(branch: str, last: str) -> str:
    """What to do instead of applying a force-pushed branch."""
    return f"force-push {branch} back to {last}"


def vouched(by: str, reason: str) -> str:
    """Why the plan of an unexplained commit is shown; the text follows the root module's name."""
    return f"{reason}; {by} asked for its plan"


def asked_for(by: str) -> str:
    """Why the plan of an explained commit is shown."""
    return f"{by} asked for its plan"


def adopted(by: str) -> str:
    """Why the plan of an adopted tip is shown."""
    return f"this existed before Planward, and Planward has never applied it; {by} asked for the plan"


def comes_after(root_modules: Sequence[str]) -> str:
    """Why the plan of a root module that comes after held ones is shown."""
    held = ", ".join(f"`{each}`" for each in root_modules)
    return f"it comes after {held}, which {'is' if len(root_modules) == 1 else 'are'} held, too"


def not_compared(environment: str) -> str:
    """A note on the apply of a merge whose pull request had no preview of this environment."""
    return f"There was no preview of {environment} on the pull request, so nobody has seen this plan before."


def after_failure(*, applied: bool, who: str) -> str:
    """What to do after a failed apply; `applied`: whether a part of it was applied."""
    stands = "What was applied stays." if applied else "Nothing was applied."
    rest = "the rest" if applied else "it"
    return f"{stands} Merge a correction, or press Re-run to plan again and apply {rest}. Who can press it: {who}."


def what_apply_does(root_modules: Sequence[str], *, kept_h: float | None) -> str:
    """What an approval applies; `kept_h` is how many hours the shown plans are kept, or None if they are not."""
    several = len(root_modules) > 1
    again = (
        "new plans first. Those that do the same are applied. The others are shown, and wait for another Apply"
        if several
        else "a new plan first. If it does the same, it is applied. Otherwise it is shown, and waits for another Apply"
    )
    if_wrong = "If the change is wrong, merge a correction or a revert instead."
    decides = f"Apply is for the plans of {' and '.join(f'`{each}`' for each in root_modules)} together. "
    if kept_h is None:
        said = f"{'These plans are' if several else 'This plan is'} not kept. After Apply, Planward makes {again}."
    else:
        this = "these plans are" if several else "this plan is"
        said = f"If you press Apply within {kept_h:g} hours, exactly {this} applied. Later, Planward makes {again}."
    return f"{decides if several else ''}{said} {if_wrong}"


def waits_unchanged(why: str, *, touched: bool) -> str:
    """The first line if the requested plan changes nothing, but needs an approval anyway."""
    what = "the plan changes nothing" if touched else "the commit touches no root module"
    return f"Not applied yet: {what}, but {why}. Press Apply."


def new_environment(environment: str) -> str:
    """Why an environment without a LAST waits; a clause to follow "but"."""
    return f"the environment {environment} is new, and takes effect only when this commit is applied"


def new_config(path: str) -> str:
    """Why a changed config waits; a clause to follow "but"."""
    return f"{path} changes, and its new version takes effect only when this commit is applied"


TESTING_FIRST = "testing gets this commit only when somebody applies it here"
"""Why a commit waits if testing needs it, too; a clause to follow "but"."""


def contained(tip: str) -> str:
    """The title of a commit that a newer tip contains."""
    return f"contained in {tip}"


def note_on_contained(environment: str, tip: str) -> str:
    """What happens to a commit that a newer tip contains."""
    return (
        f"There is nothing to do here: {tip} is applied with everything that it contains, and planward/apply "
        f"({environment}) on {tip} shows the result."
    )


def left_branch(branch: str) -> str:
    """The title of a commit that is no longer on the branch."""
    return f"no longer on {branch}"


def note_on_left_branch(branch: str) -> str:
    """What happens to a commit that is no longer on the branch."""
    return f"Nothing was applied, and there is nothing to do here: {branch} was moved to another commit."


def nothing_to_apply(environment: str, tip: str) -> str:
    """The note that the environment is already at this commit."""
    return f"nothing to apply: {environment} is at {tip}"


def not_touched(environment: str, *, before: str, tip: str) -> str:
    """The first line for an environment if the one `before` it could not be brought to the commit."""
    return (
        f"{environment} was not touched, since {tip} could not be applied in {before}: planward/apply ({before}) on "
        "this commit says why. Merge a correction, or press Re-run"
    )
