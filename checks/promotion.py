"""Whether a promotion may be merged: a pull request into an environment that has `promote_from`."""

from dataclasses import dataclass

from checks.gate import Clear, Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionFacts:
    """The facts for deciding about a promotion."""

    previous: str
    """The environment that `promote_from` names. It must have applied the tree first."""
    tree: str
    """The tree of the merge result."""
    applied_trees: frozenset[str]
    """The trees of commits that were LAST in `previous`, and count as applied there."""
    adopted_trees: frozenset[str]
    """The trees of commits that were LAST in `previous`, but do not count as applied, because nothing was applied.

    The first of these commits was adopted. The others became LAST later. They touched no root module, so they needed
    no apply.
    """
    last_applied: str | None
    """The short SHA of the newest commit that was applied in `previous`; None if there is none."""
    tip: str
    """The newest commit on the branch of `previous`; empty if the branch does not exist."""
    tip_differs_from_last: bool
    """Whether `previous` has a LAST that is not `tip`. Then the apply of `tip` is waiting, running, held or failed."""


def decide_promotion(facts: PromotionFacts) -> Clear | Refuse:
    """Decide about a promotion. It passes only if exactly its tree was applied in the previous environment."""
    previous = facts.previous
    if facts.tree in facts.applied_trees:
        return Clear()
    if facts.tree in facts.adopted_trees:
        return Refuse(
            cause=f"the branch of {previous} contains this, but Planward never applied it there. Comment `planward "
            f"plan {facts.tip} -e {previous}` here, then press Apply in planward/apply ({previous}) of commit "
            f"{facts.tip[:7]}. Then this turns green by itself."
        )
    if facts.tip_differs_from_last:
        return Refuse(
            cause=f"{previous} has not applied this yet: wait until planward/apply ({previous}) has finished. "
            "If it is held, the people that it names have to decide; if it failed, do what it says. After that, this "
            "check turns green by itself."
        )
    if facts.last_applied is None:
        return Refuse(
            cause=f"{previous} has not applied anything yet: first merge these commits into the branch of "
            f"{previous}, and have them applied there."
        )
    return Refuse(
        cause=f"this brings commits that {previous} has not applied. First have them applied there, or promote a "
        f"branch whose newest commit is {facts.last_applied}, the last one applied there. If {previous} lacks a "
        f"hotfix of the base branch, merge the base branch into {previous}'s branch."
    )
