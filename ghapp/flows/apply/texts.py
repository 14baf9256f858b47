"""One-line texts for the check run of a tip that was not applied. Pure."""

from collections.abc import Sequence


def not_applied(reason: str, people: Sequence[str]) -> str:
    """Nothing explains the tip; `people` describes who brought it: `pushed by LOGIN`."""
    by = f"; {', '.join(people)}" if people else ""
    return f"Not applied: {reason}{by}. Press Plan to see what it would change, or revert it."


def new_branch(environment: str, branch: str, *, in_force: bool) -> str:
    """The branch has no LAST; `in_force`: a reviewed pull request put its environment in force."""
    if in_force:
        return f"{branch}, the branch of the environment {environment}, is new"
    return f"the environment {environment} is new, and so is its branch {branch}"


def forced(branch: str, *, tip: str, last: str, environment: str) -> str:
    """The tip does not follow LAST."""
    return f"{branch} was force-pushed: {tip} does not follow {last}, where {environment} is"


def vouched(by: str, reason: str) -> str:
    """Why the plan of an unexplained commit is shown; the text follows the root module's name."""
    return f"{by} vouched for it, and {reason}"


def asked_for(by: str) -> str:
    """Why the plan of an explained commit is shown."""
    return f"{by} asked for its plan"


def adopted(by: str) -> str:
    """Why the plan of an adopted tip is shown."""
    return f"this was there before Planward and was never applied by it; {by} asked for its plan"


def waits_all_the_same(why: str, *, touched: bool) -> str:
    """The requested plan changes nothing, but has to be approved anyway."""
    what = "nothing changes in its plan" if touched else "no root module is touched"
    return f"Not applied yet: {what}, and {why}. Press Apply."


def contained(tip: str) -> str:
    """A newer tip contains it."""
    return f"contained in {tip}"


def left_branch(branch: str) -> str:
    """It is no longer on the branch."""
    return f"no longer on {branch}"


def nothing_to_apply(environment: str, tip: str) -> str:
    """The environment is already at this commit."""
    return f"nothing to apply: {environment} is at {tip}"


def not_touched(environment: str, *, before: str, tip: str) -> str:
    """The environment before it could not be brought to the commit."""
    return f"{environment} was not touched: {before} could not be brought to {tip}. Correct that, or press Re-run"
